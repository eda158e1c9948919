-- The tables of schema 13 in PostgreSQL, the first that Vultus had there, as a release of that schema made them.

CREATE TABLE collections (
    pk BIGSERIAL NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    model_id TEXT NOT NULL,
    pipeline_version INTEGER NOT NULL,
    dimension INTEGER NOT NULL,
    revision BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    policies TEXT DEFAULT '{}' NOT NULL,
    space BIGINT DEFAULT 0 NOT NULL,
    seal BYTEA,
    PRIMARY KEY (pk),
    UNIQUE (name)
);

CREATE TABLE erasure_marks (
    bucket INTEGER NOT NULL,
    number BIGINT NOT NULL,
    seal BYTEA,
    PRIMARY KEY (bucket)
);

CREATE INDEX erasure_marks_by_number ON erasure_marks (number);

CREATE TABLE api_keys (
    id VARCHAR(32) COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    secret_sha256 VARCHAR(64) NOT NULL,
    scopes TEXT NOT NULL,
    collections TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    requests_per_minute INTEGER,
    last_used_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    seal BYTEA,
    PRIMARY KEY (id),
    UNIQUE (secret_sha256)
);

CREATE TABLE audit (
    pk BIGSERIAL NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    collection TEXT,
    objects TEXT NOT NULL,
    object_count BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    request_id TEXT,
    kept_from BIGINT,
    seal BYTEA,
    decisions TEXT,
    PRIMARY KEY (pk)
);

CREATE INDEX audit_by_kept_from ON audit (kept_from) WHERE kept_from IS NOT NULL;

CREATE TABLE jobs (
    pk BIGSERIAL NOT NULL,
    id VARCHAR(32) COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    collection TEXT,
    parameters TEXT NOT NULL,
    state TEXT NOT NULL,
    cancelling INTEGER NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    problem TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    seal BYTEA,
    PRIMARY KEY (pk),
    UNIQUE (id)
);

CREATE INDEX jobs_by_state ON jobs (state, pk);

CREATE TABLE installation (
    pk BIGSERIAL NOT NULL,
    key_id TEXT NOT NULL,
    PRIMARY KEY (pk)
);

CREATE TABLE other_spaces (
    collection_pk BIGINT NOT NULL,
    model_id TEXT NOT NULL,
    pipeline_version INTEGER NOT NULL,
    dimension INTEGER NOT NULL,
    state TEXT NOT NULL,
    seal BYTEA,
    PRIMARY KEY (collection_pk),
    FOREIGN KEY(collection_pk) REFERENCES collections (pk) ON DELETE CASCADE
);

CREATE TABLE subjects (
    pk BIGSERIAL NOT NULL,
    collection_pk BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT,
    metadata_json TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    canonical TEXT COLLATE "C",
    skeleton TEXT COLLATE "C" DEFAULT '' NOT NULL,
    seal BYTEA,
    expires_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (pk),
    UNIQUE (collection_pk, id),
    FOREIGN KEY(collection_pk) REFERENCES collections (pk) ON DELETE CASCADE
);

CREATE INDEX subjects_by_expiry ON subjects (expires_at) WHERE expires_at IS NOT NULL;

CREATE INDEX subjects_by_skeleton ON subjects (collection_pk, skeleton);

CREATE INDEX subjects_by_canonical ON subjects (collection_pk, canonical) WHERE canonical IS NOT NULL;

CREATE TABLE removals (
    pk BIGSERIAL NOT NULL,
    collection_pk BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    face_pk BIGINT NOT NULL,
    seal BYTEA,
    PRIMARY KEY (pk),
    FOREIGN KEY(collection_pk) REFERENCES collections (pk) ON DELETE CASCADE
);

CREATE INDEX removals_by_revision ON removals (collection_pk, revision);

CREATE TABLE undo_log (
    pk BIGSERIAL NOT NULL,
    id VARCHAR(32) COLLATE "C" NOT NULL,
    collection_pk BIGINT NOT NULL,
    kind TEXT NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    subject_pk BIGINT NOT NULL,
    other_pk BIGINT,
    payload TEXT NOT NULL,
    seal BYTEA,
    PRIMARY KEY (pk),
    UNIQUE (id),
    FOREIGN KEY(collection_pk) REFERENCES collections (pk) ON DELETE CASCADE
);

CREATE INDEX undo_log_by_until ON undo_log (until);

CREATE INDEX undo_log_by_subject ON undo_log (subject_pk);

CREATE INDEX undo_log_by_other ON undo_log (other_pk);

CREATE TABLE replaced_secrets (
    secret_sha256 VARCHAR(64) NOT NULL,
    key_id VARCHAR(32) COLLATE "C" NOT NULL,
    works_until TIMESTAMP WITH TIME ZONE NOT NULL,
    seal BYTEA,
    PRIMARY KEY (secret_sha256),
    FOREIGN KEY(key_id) REFERENCES api_keys (id) ON DELETE CASCADE
);

CREATE TABLE faces (
    pk BIGSERIAL NOT NULL,
    id VARCHAR(32) COLLATE "C" NOT NULL,
    collection_pk BIGINT NOT NULL,
    subject_pk BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    photo_sha256 VARCHAR(64),
    source_sha256 VARCHAR(64) NOT NULL,
    photo_width INTEGER,
    photo_height INTEGER,
    photo_bytes INTEGER,
    box TEXT,
    landmarks TEXT,
    detector_score FLOAT,
    quality_score FLOAT,
    quality_parts TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    quality_version INTEGER DEFAULT 1 NOT NULL,
    source_width INTEGER,
    source_height INTEGER,
    seal BYTEA,
    PRIMARY KEY (pk),
    UNIQUE (subject_pk, source_sha256),
    UNIQUE (id),
    FOREIGN KEY(collection_pk) REFERENCES collections (pk) ON DELETE CASCADE,
    FOREIGN KEY(subject_pk) REFERENCES subjects (pk) ON DELETE CASCADE
);

CREATE INDEX faces_by_photo ON faces (photo_sha256);

CREATE INDEX faces_by_revision ON faces (collection_pk, revision, subject_pk);

CREATE TABLE embeddings (
    face_pk BIGINT NOT NULL,
    embedding BYTEA NOT NULL,
    seal BYTEA,
    PRIMARY KEY (face_pk),
    FOREIGN KEY(face_pk) REFERENCES faces (pk) ON DELETE CASCADE
);

CREATE TABLE codes (
    face_pk BIGINT NOT NULL,
    codes BYTEA NOT NULL,
    seal BYTEA,
    PRIMARY KEY (face_pk),
    FOREIGN KEY(face_pk) REFERENCES faces (pk) ON DELETE CASCADE
);

CREATE TABLE embeddings_b (
    face_pk BIGINT NOT NULL,
    embedding BYTEA NOT NULL,
    seal BYTEA,
    PRIMARY KEY (face_pk),
    FOREIGN KEY(face_pk) REFERENCES faces (pk) ON DELETE CASCADE
);

CREATE TABLE codes_b (
    face_pk BIGINT NOT NULL,
    codes BYTEA NOT NULL,
    seal BYTEA,
    PRIMARY KEY (face_pk),
    FOREIGN KEY(face_pk) REFERENCES faces (pk) ON DELETE CASCADE
);

CREATE TABLE unembedded (
    face_pk BIGINT NOT NULL,
    slot INTEGER NOT NULL,
    reason TEXT NOT NULL,
    seal BYTEA,
    PRIMARY KEY (face_pk, slot),
    FOREIGN KEY(face_pk) REFERENCES faces (pk) ON DELETE CASCADE
);

CREATE TABLE undo_faces (
    undo_pk BIGINT NOT NULL,
    face_pk BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    revision_before BIGINT NOT NULL,
    source_before VARCHAR(64),
    seal BYTEA,
    PRIMARY KEY (undo_pk, face_pk),
    FOREIGN KEY(undo_pk) REFERENCES undo_log (pk) ON DELETE CASCADE,
    FOREIGN KEY(face_pk) REFERENCES faces (pk) ON DELETE CASCADE
);

CREATE INDEX undo_faces_by_face ON undo_faces (face_pk);

CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$;

CREATE FUNCTION audit_requires_prune() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.pk >= (SELECT coalesce(max(kept_from), 0) FROM audit WHERE kept_from IS NOT NULL) THEN
                RAISE EXCEPTION 'the audit is append-only';
            END IF;
            RETURN OLD;
        END $$;

CREATE TRIGGER audit_keeps_lines BEFORE UPDATE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_refuses();

CREATE TRIGGER audit_goes_only_by_prune BEFORE DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_requires_prune();

CREATE TRIGGER audit_is_not_truncated BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses();

ALTER TABLE embeddings ALTER COLUMN embedding SET STORAGE EXTERNAL;

ALTER TABLE embeddings SET (toast_tuple_target = 8160);

ALTER TABLE codes ALTER COLUMN codes SET STORAGE EXTERNAL;

ALTER TABLE embeddings_b ALTER COLUMN embedding SET STORAGE EXTERNAL;

ALTER TABLE embeddings_b SET (toast_tuple_target = 8160);

ALTER TABLE codes_b ALTER COLUMN codes SET STORAGE EXTERNAL;

CREATE UNLOGGED TABLE request_counts (key_id VARCHAR(32) COLLATE "C" PRIMARY KEY, begun TIMESTAMPTZ NOT NULL, used BIGINT NOT NULL);

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));

INSERT INTO alembic_version VALUES ('0013');
