"""Pairs of subjects that may be one person, on both databases."""

from __future__ import annotations

from tests.storage.synthetic import new_face
from vultus.records.review import SimilarFaces
from vultus.storage.gallery import Gallery


def face(gallery: Gallery, subject: str, seed: int) -> str:
    _, (added,) = gallery.add_faces("people", subject, [new_face(seed)])
    return added.face.id


def test_pairs_are_listed_by_score_until_they_are_dismissed_or_erased(gallery):
    a, b, c = (face(gallery, name, seed) for seed, name in enumerate(("anna", "berta", "carl")))
    store = gallery.similar_pairs
    store.replace(
        "people",
        [SimilarFaces((c, a), 0.5, 0.2, 0.6, False), SimilarFaces((a, b), 0.8, 0.5, 0.6, True)],
    )
    found = store.page("people", limit=9)
    assert [tuple(one.face_id for one in pair.subjects) for pair in found] == [(a, b), (a, c)]
    assert [pair.above for pair in found] == [True, False]
    store.dismiss("people", "berta", "anna", dismissed=True)
    assert store.dismissed("people") == {frozenset(("anna", "berta"))}
    assert len(store.page("people", limit=9)) == 1
    store.dismiss("people", "berta", "anna", dismissed=False)
    gallery.delete_subject("people", "carl")
    assert len(store.page("people", limit=9)) == 1
    store.replace("people", [])
    assert store.page("people", limit=9) == ()
