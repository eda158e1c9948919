BEGIN TRANSACTION;
CREATE TABLE api_keys (
        id VARCHAR(32) NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        secret_sha256 VARCHAR(64) NOT NULL UNIQUE,
        scopes TEXT NOT NULL,
        collections TEXT,
        created_at DATETIME NOT NULL,
        expires_at DATETIME,
        requests_per_minute INTEGER,
        last_used_at DATETIME,
        revoked_at DATETIME
    );
INSERT INTO "api_keys" VALUES('bd11e4bc2aef4a7fa8f36ca4417fd335','door','224208d7534e6d68cf9ef62d7b7a8ec2233a2e73a54c683380fa09f596ee2824','["find"]',NULL,'2026-11-26 01:22:18.570424','2099-01-01 00:00:00.000000',NULL,NULL,NULL);
CREATE TABLE audit (
        pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        at DATETIME NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        collection TEXT,
        objects TEXT NOT NULL,
        object_count INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        request_id TEXT,
        kept_from INTEGER
    );
INSERT INTO "audit" VALUES(1,'2026-11-26 01:22:18.401910','command','collection.create','people','[]',0,'ok',NULL,NULL);
INSERT INTO "audit" VALUES(2,'2026-11-26 01:22:18.454041','command','enroll','people','["ec360afae28b458191b100191fcec7e3"]',1,'ok',NULL,NULL);
INSERT INTO "audit" VALUES(3,'2026-11-26 01:22:18.486481','command','enroll','people','["a48797b8fd104d2c8236058c7da6f0fb"]',1,'ok',NULL,NULL);
INSERT INTO "audit" VALUES(4,'2026-11-26 01:22:18.510447','command','enroll','people','["0f5c55a76c9043bd806a3780557b53da"]',1,'ok',NULL,NULL);
INSERT INTO "audit" VALUES(5,'2026-11-26 01:22:18.530196','command','enroll','people','["046e7b492c314b31ae9790c59ec34857"]',1,'ok',NULL,NULL);
INSERT INTO "audit" VALUES(6,'2026-11-26 01:22:18.553855','command','face.erase','people','["046e7b492c314b31ae9790c59ec34857"]',1,'ok',NULL,NULL);
INSERT INTO "audit" VALUES(7,'2026-11-26 01:22:18.581259','command','key.create',NULL,'["bd11e4bc2aef4a7fa8f36ca4417fd335"]',1,'ok',NULL,NULL);
CREATE TABLE codes (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        codes BLOB NOT NULL
    );
INSERT INTO "codes" VALUES(1,X'07F92306E3144734DABBDE0281F4BCD8DA47A33BABE6853B');
INSERT INTO "codes" VALUES(2,X'22502081582CCC39241D0335B8F0D13A6C1F8A3BD0E8A03B');
INSERT INTO "codes" VALUES(3,X'0AE5EB815E3CEF280FE333F0EFD718FBAFDBA73B50E6B43B');
CREATE TABLE collections (
        pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        model_id TEXT NOT NULL,
        pipeline_version INTEGER NOT NULL,
        dimension INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        created_at DATETIME NOT NULL
    );
INSERT INTO "collections" VALUES(1,'people','model-a',1,16,5,'2026-11-26 01:22:18.392196');
CREATE TABLE embeddings (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        embedding BLOB NOT NULL
    );
INSERT INTO "embeddings" VALUES(1,X'E32B0C3D3B4713BDC47E323ECAE5E93C854C15BE4E90C93DD3B8B53E91FB833E2E2444BE8458B0BE3AB72DBE5E4A383C4A0122BFFAEB73BD78A0ADBEF9174CBE');
INSERT INTO "embeddings" VALUES(2,X'D25E113EADCEAC3EAEFF0A3E2D0B09BF656BBE3E9BC43B3EB9DE61BEB172743E995B193E5174F73D294B3F3CB8F9653E28E59ABE780E89BDD7CD4ABEC6E77B3E');
INSERT INTO "embeddings" VALUES(3,X'CD574E3D8FA30EBE7A6BE1BDF88B26BF8089F53EB9199C3E8A97B1BDBB24533ED576993D331E17BE055F853EA17AA9BDB072B3BDD92558BE6548F83D458AD8BC');
CREATE TABLE faces (
        pk INTEGER NOT NULL PRIMARY KEY,
        id VARCHAR(32) NOT NULL UNIQUE,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        subject_pk INTEGER NOT NULL REFERENCES subjects (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        photo_sha256 VARCHAR(64) NOT NULL,
        source_sha256 VARCHAR(64) NOT NULL,
        photo_width INTEGER NOT NULL,
        photo_height INTEGER NOT NULL,
        photo_bytes INTEGER NOT NULL,
        box TEXT NOT NULL,
        landmarks TEXT NOT NULL,
        detector_score FLOAT NOT NULL,
        quality_score FLOAT NOT NULL,
        quality_parts TEXT NOT NULL,
        created_at DATETIME NOT NULL,
        UNIQUE (subject_pk, source_sha256)
    );
INSERT INTO "faces" VALUES(1,'ec360afae28b458191b100191fcec7e3',1,1,1,'96210597a3cedee79899b4b1a5068078e7ac45d7489f7ceeb69383db21f322a5','b20389ce6e88582c86332b8430c38903bd6fa75fa3fbb7a8d630de1dbd322874',640,480,7,'[10.5, 20.0, 90.0, 110.25]','[[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]]',0.97,81.5,'{"size": 90.0}','2026-11-26 01:22:18.427390');
INSERT INTO "faces" VALUES(2,'a48797b8fd104d2c8236058c7da6f0fb',1,2,2,'e5a5555d73bc0e1568d65563abf327bd6c0b9b9dc3336e86e0b17e865e9ee6d2','dad95b8243ef4c8d02fa743b2b24b3b29a9439137ff5eaf4d9f93a58d1571322',640,480,7,'[10.5, 20.0, 90.0, 110.25]','[[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]]',0.97,81.5,'{"size": 90.0}','2026-11-26 01:22:18.479371');
INSERT INTO "faces" VALUES(3,'0f5c55a76c9043bd806a3780557b53da',1,1,3,'9b73ce2e5c72e9c8eb35ae3f509ef901b26ed3e9811f0782f3633cceab140918','92278656227c1078a0bb492299729f7361524c11d407a1d3b7071c0ea8d93f3a',640,480,7,'[10.5, 20.0, 90.0, 110.25]','[[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]]',0.97,81.5,'{"size": 90.0}','2026-11-26 01:22:18.503382');
CREATE TABLE removals (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        face_pk INTEGER NOT NULL
    );
INSERT INTO "removals" VALUES(1,1,5,4);
CREATE TABLE replaced_secrets (
        secret_sha256 VARCHAR(64) NOT NULL PRIMARY KEY,
        key_id VARCHAR(32) NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
        works_until DATETIME NOT NULL
    );
CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "schema_version" VALUES(1);
INSERT INTO "schema_version" VALUES(2);
INSERT INTO "schema_version" VALUES(3);
CREATE TABLE subjects (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        id TEXT NOT NULL,
        name TEXT,
        metadata_json TEXT NOT NULL,
        created_at DATETIME NOT NULL,
        UNIQUE (collection_pk, id)
    );
INSERT INTO "subjects" VALUES(1,1,'s0','Name 0','{"n": 2}','2026-11-26 01:22:18.427390');
INSERT INTO "subjects" VALUES(2,1,'s1','Name 1','{"n": 3}','2026-11-26 01:22:18.479371');
CREATE INDEX faces_by_photo ON faces (photo_sha256);
CREATE INDEX faces_by_revision ON faces (collection_pk, revision, subject_pk);
CREATE INDEX removals_by_revision ON removals (collection_pk, revision);
CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_keeps_numbers BEFORE INSERT ON audit
        WHEN EXISTS (SELECT 1 FROM audit WHERE pk = NEW.pk)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_goes_only_by_prune BEFORE DELETE ON audit
        WHEN OLD.pk >= (SELECT coalesce(max(kept_from), 0) FROM audit WHERE kept_from IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE INDEX audit_by_kept_from ON audit (kept_from) WHERE kept_from IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('collections',1);
INSERT INTO "sqlite_sequence" VALUES('audit',7);
COMMIT;
