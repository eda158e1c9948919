"""The cost of the audit: the transaction of an enrolment with an audit line and without; prints the ratio.

    .venv/bin/python benchmarks/audit.py [--folder FOLDER] [--pairs 400]

The two take turns, so that both find the disk in the same state. FOLDER: on the disk to measure; default: the system's
temporary folder. The line is written in the transaction of the enrolment, so it takes no sync of its own.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from vultus.records.seen import Face, Quality, Template
from vultus.records.stored import NewFace, Photo
from vultus.storage.audit import Act
from vultus.storage.database import open_database
from vultus.storage.gallery import Gallery
from vultus.storage.migrations.runner import migrate
from vultus.vectors import unit_length

DIMENSION, WARM_UP = 512, 20


def new_face(number: int) -> NewFace:
    """A face of a new photo, with an embedding of unit length."""
    (unit,) = unit_length(np.random.default_rng(number).standard_normal((1, DIMENSION)))
    face = Face((0.0, 0.0, 100.0, 100.0), np.zeros((5, 2), np.float32), 0.9)
    return NewFace(
        Template(unit.astype(np.float32), "model", face, Quality(80.0, {})),
        Photo(f"{number:064x}", f"{number:064x}", 512, 512, 30_000),
    )


def milliseconds(gallery: Gallery, number: int) -> float:
    """The time of one enrolment until it is durable."""
    face = new_face(number)
    begun = perf_counter()
    gallery.add_faces("people", f"s{number}", [face])
    return (perf_counter() - begun) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--pairs", type=int, default=400)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        database = open_database(f"sqlite:///{folder}/vultus.db")
        migrate(database)
        silent = Gallery(database)
        silent.create_collection("people", model_id="model", pipeline_version=1, dimension=DIMENSION)
        audited = silent.acting_as(Act("0123456789abcdef0123456789abcdef", "123e4567-e89b-42d3-a456-426614174000"))
        pairs = [
            (milliseconds(silent, 2 * pair), milliseconds(audited, 2 * pair + 1))
            for pair in range(given.pairs + WARM_UP)
        ][WARM_UP:]
        database.close()
    without, with_line = (median(column) for column in zip(*pairs, strict=True))
    print(f"median of {given.pairs}: without {without:.2f} ms, with its line {with_line:.2f} ms, ratio ", end="")
    print(f"{with_line / without:.3f}; median of the pairs' ratios {median(b / a for a, b in pairs):.3f}")


if __name__ == "__main__":
    main()
