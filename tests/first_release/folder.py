"""A data folder as the first release left it: its schema, its bytes, made without any code of Vultus.

Every later version must take it over without loss, so nothing here follows the code: what a stored code, a hash or a
time looks like is written down a second time.
"""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MODEL, DIMENSION, PIPELINE_VERSION = "sface-facenet512-fused", 640, 1
COLLECTION = "default"
SUBJECTS = {"anna": "Anna", "björn/2": None}  # id -> name
FACES_OF_EACH = 2
ADMIN_SECRET, OLD_SECRET, REVOKED_SECRET = (f"vk_of_the_first_release_{kind}" for kind in ("admin", "old", "revoked"))
MADE_AT = "2026-11-01 12:00:00.000000"
NEVER = "9999-01-01 00:00:00.000000"
DEAD_PROCESS = 4_194_304  # one above Linux's highest process id


@dataclass(frozen=True)
class FirstReleaseFolder:
    """What is in the folder. embeddings: (N, 640) float32 of unit length, in the order of face_ids."""

    path: Path
    face_ids: tuple[str, ...]
    embeddings: NDArray[np.float32]

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path / 'vultus.db'}"


def make_first_release_folder(path: Path) -> FirstReleaseFolder:
    """Write the data folder: two subjects with two faces each, three keys, an audit."""
    path.mkdir(mode=0o700, parents=True)
    (path / "server.lock").write_text(f"{DEAD_PROCESS}\n", "ascii")
    count = len(SUBJECTS) * FACES_OF_EACH
    rows = np.random.default_rng(1).standard_normal((count, DIMENSION))
    embeddings = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    with closing(sqlite3.connect(path / "vultus.db")) as connection:
        connection.execute("PRAGMA page_size=16384")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_sql("schema.sql"))
        connection.executemany("INSERT INTO schema_version VALUES (?)", [(1,), (2,), (3,)])
        face_ids = _insert_gallery(connection, path / "photos", embeddings)
        _insert_keys(connection)
        _insert_audit(connection, face_ids)
        connection.commit()
    return FirstReleaseFolder(path, face_ids, embeddings)


def make_released_database(file: Path) -> None:
    """Write a database that the release before Alembic made with its own code: see `rows.sql`."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(_sql("schema.sql") + _sql("rows.sql"))


def _sql(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _insert_gallery(connection: sqlite3.Connection, photos: Path, embeddings: NDArray[np.float32]) -> tuple[str, ...]:
    collection = (1, COLLECTION, MODEL, PIPELINE_VERSION, DIMENSION, len(SUBJECTS), MADE_AT)
    connection.execute("INSERT INTO collections VALUES (?, ?, ?, ?, ?, ?, ?)", collection)
    face_ids = []
    for number, (subject, name) in enumerate(SUBJECTS.items(), start=1):
        row = (number, 1, subject, name, '{"team": "lab"}', MADE_AT)
        connection.execute("INSERT INTO subjects VALUES (?, ?, ?, ?, ?, ?)", row)
        for _ in range(FACES_OF_EACH):
            pk = len(face_ids) + 1
            face_ids.append(f"{pk:032x}")
            _insert_face(connection, photos, pk, subject_pk=number, embedding=embeddings[pk - 1])
    return tuple(face_ids)


def _insert_face(
    connection: sqlite3.Connection, photos: Path, pk: int, *, subject_pk: int, embedding: NDArray[np.float32]
) -> None:
    photo = _photo(pk)
    digest = hashlib.sha256(photo).hexdigest()
    place = photos / digest[:2] / digest[2:4] / digest
    place.parent.mkdir(mode=0o700, parents=True)
    place.write_bytes(photo)
    box, landmarks = [8.0, 8.0, 56.0, 56.0], [[20.0, 24.0], [44.0, 24.0], [32.0, 36.0], [24.0, 46.0], [40.0, 46.0]]
    quality = {"size": 80.0, "sharpness": 90.0}
    source = hashlib.sha256(b"sent" + photo).hexdigest()
    values = (pk, f"{pk:032x}", 1, subject_pk, subject_pk, digest, source, 64, 64, len(photo))
    values += (json.dumps(box), json.dumps(landmarks), 0.9, 80.0, json.dumps(quality), MADE_AT)
    connection.execute(f"INSERT INTO faces VALUES ({', '.join('?' * len(values))})", values)
    connection.execute("INSERT INTO embeddings VALUES (?, ?)", (pk, embedding.astype("<f4").tobytes()))
    connection.execute("INSERT INTO codes VALUES (?, ?)", (pk, _code(embedding)))


def _photo(number: int) -> bytes:
    """A JPEG of 64x64 pixels that shows a pattern and nobody."""
    pattern = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pattern).resize((64, 64)).save(out, "JPEG", quality=90)
    return out.getvalue()


def _code(embedding: NDArray[np.float32]) -> bytes:
    """int8 values, the largest 127; then scale and length of the rounding error, little-endian float32."""
    scale = np.abs(embedding).max() / np.float32(127)
    values = np.rint(embedding / scale)
    lost = embedding - values * scale
    numbers = np.array([scale, np.sqrt(np.vecdot(lost, lost))], "<f4")
    return values.astype(np.int8).tobytes() + numbers.tobytes()


def _insert_keys(connection: sqlite3.Connection) -> None:
    """An admin key that was rotated (its old secret still works), and a revoked one."""
    scopes = json.dumps(["enroll", "verify", "find", "represent", "read", "erase", "admin"])
    admin = ("a" * 32, "admin", _sha256(ADMIN_SECRET), scopes, None, MADE_AT, None, None, None, None)
    revoked = ("b" * 32, "door", _sha256(REVOKED_SECRET), '["find"]', '["default"]', MADE_AT, None, 60, None, MADE_AT)
    connection.executemany("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [admin, revoked])
    connection.execute("INSERT INTO replaced_secrets VALUES (?, ?, ?)", (_sha256(OLD_SECRET), "a" * 32, NEVER))


def _insert_audit(connection: sqlite3.Connection, face_ids: tuple[str, ...]) -> None:
    lines = [
        (1, MADE_AT, "server", "key.create", None, json.dumps(["a" * 32]), 1, "ok", None, None),
        (2, MADE_AT, "a" * 32, "enroll", COLLECTION, json.dumps(face_ids), len(face_ids), "ok", None, None),
    ]
    connection.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", lines)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
