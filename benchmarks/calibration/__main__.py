"""`python -m benchmarks.calibration`: embeds the data, calibrates the models in the box, prints the report, writes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from importlib import resources
from pathlib import Path

from benchmarks.calibration.card_tables import write_card
from benchmarks.calibration.embedding import FUSED, MEMBERS, Embedded, embed_all
from benchmarks.calibration.mean_faces import write_mean_faces
from benchmarks.calibration.people import faces_of
from benchmarks.calibration.photo_sets import all_samples
from benchmarks.calibration.report import report
from benchmarks.calibration.study import FILE, Clusters, Study, members_of, study
from vultus.models.card import in_box_cards, known_card

MODELS = (FUSED, *MEMBERS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Calibrate, and print the report as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with lfw, utkface, celeba_dev and orl")
    parser.add_argument("--cache", type=Path, default=Path(".calibration"), help="embeddings of a run that was stopped")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write the mean faces and the tables of the cards")
    given = parser.parse_args(arguments)
    embedded = embed_all(all_samples(given.data), given.cache, processes=given.processes)
    studies = calibrate(embedded, write=given.write)
    for part in report(studies, given.data):
        print(part, end="\n\n", flush=True)
    return 0


def calibrate(embedded: Embedded, *, write: bool) -> list[Study]:
    """Calibrate each model, and write the mean faces and the cards' tables."""
    cards = [known_card(in_box_cards(), model) for model in MODELS]
    fused = members_of(cards[0])
    faces = faces_of(embedded, fused)
    clusters = Clusters.of(faces, faces.joined(fused))
    today = date.today().isoformat()
    studies = [study(card, faces, clusters, date=today) for card in cards]
    if write:
        models = Path(str(resources.files("vultus.models")))
        write_mean_faces(models / "mean_faces" / FILE, clusters.whole[None], clusters.children[None])
        for one in studies:
            write_card(models / "cards" / f"{one.card.id}.toml", one.calibration)
    return studies


if __name__ == "__main__":
    sys.exit(main())
