-- The schema of the first release (its schema 3), as that release made it. Never edited.

CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY);

CREATE TABLE collections (
        pk INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        model_id TEXT NOT NULL,
        pipeline_version INTEGER NOT NULL,
        dimension INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        created_at DATETIME NOT NULL
    );

CREATE TABLE subjects (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        id TEXT NOT NULL,
        name TEXT,
        metadata_json TEXT NOT NULL,
        created_at DATETIME NOT NULL,
        UNIQUE (collection_pk, id)
    );

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

CREATE INDEX faces_by_photo ON faces (photo_sha256);

CREATE TABLE embeddings (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        embedding BLOB NOT NULL
    );

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

CREATE TABLE codes (
        face_pk INTEGER NOT NULL PRIMARY KEY REFERENCES faces (pk) ON DELETE CASCADE,
        codes BLOB NOT NULL
    );

CREATE INDEX faces_by_revision ON faces (collection_pk, revision, subject_pk);

CREATE TABLE removals (
        pk INTEGER NOT NULL PRIMARY KEY,
        collection_pk INTEGER NOT NULL REFERENCES collections (pk) ON DELETE CASCADE,
        revision INTEGER NOT NULL,
        face_pk INTEGER NOT NULL
    );

CREATE INDEX removals_by_revision ON removals (collection_pk, revision);

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

CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_keeps_numbers BEFORE INSERT ON audit
        WHEN EXISTS (SELECT 1 FROM audit WHERE pk = NEW.pk)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_goes_only_by_prune BEFORE DELETE ON audit
        WHEN OLD.pk >= (SELECT coalesce(max(kept_from), 0) FROM audit WHERE kept_from IS NOT NULL)
        BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE INDEX audit_by_kept_from ON audit (kept_from) WHERE kept_from IS NOT NULL;

CREATE TABLE replaced_secrets (
        secret_sha256 VARCHAR(64) NOT NULL PRIMARY KEY,
        key_id VARCHAR(32) NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
        works_until DATETIME NOT NULL
    );
