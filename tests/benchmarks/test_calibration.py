"""The calibration in the box: pools, clusters, thresholds and cards, without photos."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from benchmarks.calibration.card_tables import with_tables
from benchmarks.calibration.distributions import Distribution, rising, threshold_at
from benchmarks.calibration.embedding import place
from benchmarks.calibration.families import curve, fpir_family
from benchmarks.calibration.limits import nearness_of_shipped
from benchmarks.calibration.mean_faces import clusters_of
from benchmarks.calibration.people import Faces, identities, one_each, pool_groups
from benchmarks.calibration.photo_sets import all_samples
from benchmarks.calibration.relative_scores import GalleryScores, rule_of, terms_alone
from benchmarks.calibration.treatments import all_treatments, treated

from vultus.models.card import in_box_cards, known_card, parse_card
from vultus.models.relative_calibration import MeanFaces
from vultus.models.relative_toml import relative_lines
from vultus.search.cohort import CohortRule, terms_of

MEMBER = "sface"


def units(count, size=16, *, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def faces(count=120, *, source="utkface", treatment=""):
    numbers = np.arange(count)
    return Faces(
        vectors={MEMBER: units(count)},
        parts=np.full((count, 13), 50, np.float32),
        source=np.full(count, source),
        treatment=np.full(count, treatment, dtype="U16"),
        person=numbers,
        age=numbers % 60 + 10,
        gender=numbers % 2,
        race=numbers // 60,
        half=numbers % 3 == 0,
        photo=numbers.astype(str),
    )


def scores(values, independent=None):
    found = Distribution()
    found.add(np.array(values), independent=independent)
    return found


def test_a_pool_holds_people_of_its_age_and_half_only():
    found = faces()
    (rows,) = pool_groups(found, True)["13-17"]
    assert len(rows)
    assert (found.half[rows]).all()
    assert ((found.age[rows] >= 13) & (found.age[rows] <= 17)).all()


def test_photos_that_links_join_are_of_one_person_and_children_need_more():
    rows = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)  # cosines 0.8, 0.6 and 0
    names, source = ["a", "b", "c"], np.full(3, "utkface")
    assert len(set(identities(rows, names, source, np.array([30, 30, 30])))) == 2
    assert len(set(identities(rows, names, source, np.array([3, 3, 3])))) == 3


def test_one_photo_each_takes_one_of_every_person():
    found = faces(6)
    person = np.array([0, 0, 1, 1, 2, 2])
    chosen = one_each(Faces(**{**vars(found), "person": person}), np.arange(6), np.random.default_rng(1))
    assert sorted(person[chosen]) == [0, 1, 2]


@pytest.mark.parametrize("source", ["utkface", "lfw"])
def test_no_mean_face_stands_for_fewer_than_20_people(source):
    found = faces(400, source=source)
    clusters = clusters_of(found, found.vectors[MEMBER], None)
    assert clusters
    assert min(cluster.people for cluster in clusters) >= 20


def test_shipped_mean_faces_are_nearer_where_there_are_more_of_them():
    found = faces(60, source="celeba")
    few, many = mean_faces(units(4, seed=4)), mean_faces(units(40, seed=5))
    vectors = found.vectors[MEMBER]
    assert nearness_of_shipped(found, vectors, {False: few, True: few}, few) == 0
    assert nearness_of_shipped(found, vectors, {False: few, True: few}, many) > 0.1


def test_damaged_photos_have_mean_faces_with_a_lift_and_lightly_damaged_ones_none():
    heavy, light = (faces(60, source="treated", treatment=name) for name in ("blur:6", "blur:2"))
    assert {one.kind for one in clusters_of(heavy, heavy.vectors[MEMBER], None)} == {"blur:6"}
    assert min(one.lift for one in clusters_of(heavy, heavy.vectors[MEMBER], None)) > 0
    assert clusters_of(light, light.vectors[MEMBER], None) == []


def test_a_threshold_is_where_the_mean_over_pools_is_the_rate():
    # Above 0.2: all of the one, a hundredth of the other. Above 0.4: a fifth and nothing, a mean of a tenth.
    first = scores([0.3] * 80 + [0.5] * 20)
    second = scores([0.1] * 99 + [0.3])
    assert threshold_at([first, second], 0.1) == pytest.approx(0.5, abs=0.001)
    assert threshold_at([second], 0.01) == pytest.approx(0.3, abs=0.001)


def test_a_pool_without_enough_different_comparisons_sets_no_threshold():
    assert scores([0.1] * 10_000).supports(0.01)
    assert not scores([0.1] * 10_000, independent=100).supports(0.01)


def test_a_curve_goes_on_as_an_exponential_tail_where_no_pool_reaches():
    # The share above x is exp(-20 x): a tenth of it needs ln 10 / 20 = 0.115 more.
    values = -np.log(np.linspace(1, 1e-6, 20_000)) / 20
    pools = {name: scores(values - 0.5, independent=2_000) for name in ("6-12", "13-17", "LFW")}
    found = curve(pools, list(pools), (1e-1, 1e-2, 1e-3, 1e-4))
    assert np.diff(found) == pytest.approx(0.115, abs=0.005)


def test_scores_are_made_to_rise():
    assert rising([0.1, 0.1, 0.3]) == [0.1, 0.101, 0.3]


def mean_faces(rows):
    lifts = np.zeros(len(rows), np.float32)
    return MeanFaces(rows, lifts, lifts > 0, rows[0])


def test_gallery_scores_are_those_of_the_rule_one_by_one():
    probes, gallery, rule = units(5, seed=1), units(30, seed=2), rule_of(mean_faces(units(4, seed=3)))
    found = GalleryScores.of(probes, gallery, rule).scores
    for row, probe in enumerate(probes):
        for column, candidate in enumerate(gallery):
            others = np.delete(gallery, column, axis=0)
            term = term_among(probe, others, rule) + term_among(candidate, others, rule)
            assert found[row, column] == pytest.approx(float(probe @ candidate) - rule.weight * term, abs=1e-5)


def term_among(face, others, rule: CohortRule):
    best = -np.sort(-(others @ face).astype(np.float64))[: rule.depth]
    centres = -np.sort(-(rule.centroids @ face).astype(np.float64))[: rule.nearest]
    return terms_of(best[None], centres[None], rule)[0]


def test_terms_without_a_gallery_are_the_mean_of_the_nearest_mean_faces():
    rows, centres = units(3, seed=1), units(6, seed=2)
    nearest = np.sort(rows @ centres.T, axis=1)[:, -3:].mean(axis=1)
    assert terms_alone(rows, rule_of(mean_faces(centres))) == pytest.approx(nearest, abs=1e-6)


@pytest.mark.parametrize("treatment", [*all_treatments(), "border:0.3"])
def test_a_treatment_changes_the_photo_and_is_always_the_same(treatment):
    photo = np.random.default_rng(0).integers(0, 256, (250, 250, 3), np.uint8)
    once, again = treated(photo, treatment, 1), treated(photo, treatment, 1)
    assert once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert not np.array_equal(once, photo)


def test_writing_a_card_twice_changes_nothing_and_leaves_the_rest_as_it_was():
    card = known_card(in_box_cards(), "sface")
    text = (resources.files("vultus.models") / "cards" / "sface.toml").read_text("utf-8")
    tables = relative_lines(card.calibration.relative)
    once = with_tables(text, tables)
    assert with_tables(once, tables) == once == text
    assert parse_card(once, "sface.toml").calibration == card.calibration


def test_tables_go_behind_the_search_calibration_and_before_what_follows():
    card = "[calibration.search]\nshape = 1\n\n# Made.\n[int8]\ncrops = 2\n"
    assert with_tables(card, ["[calibration.relative]", "nearest = 3"]) == (
        "[calibration.search]\nshape = 1\n\n[calibration.relative]\nnearest = 3\n\n# Made.\n[int8]\ncrops = 2\n"
    )


def test_the_samples_are_all_sets_and_treated_photos_of_lfw(tmp_path):
    for folder in ("lfw/images/Ada_A", "lfw/images/Bea_B", "orl/images/s1", "celeba_dev/images/7", "utkface/images"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "30_1_0_x.jpg").write_bytes(b"")
    samples = all_samples(tmp_path)
    assert {sample.source for sample in samples} == {"lfw", "orl", "celeba", "utkface", "treated"}
    assert sum(sample.source == "treated" for sample in samples) == 2 * len(all_treatments())
    assert len({sample.key for sample in samples}) == len(samples)
    assert place(tmp_path, samples[:2]) != place(tmp_path, samples[1:3])


def test_a_size_that_lacks_pools_takes_the_growth_of_the_others():
    values = np.linspace(-0.5, 0.5, 10_001)
    many = {name: scores(values + shift) for name, shift in (("6-12", 0.2), ("13-17", 0.0), ("LFW", -0.2))}
    few = {"LFW": scores(values - 0.1)}  # LFW grew by 0.1
    family = fpir_family({10: many, 100: few})
    assert np.array(family[100]) - np.array(family[10]) == pytest.approx(0.1, abs=0.002)
