import numpy as np
import pytest

from vultus.records.seen import CropRule
from vultus.vision.align import crop_by_box, crop_by_landmarks, fit_similarity, lies_inside, share_outside

TEMPLATE = ((52.7, 65.1), (112.3, 64.0), (82.5, 91.6), (56.7, 116.8), (110.2, 115.9))


def dots(points: np.ndarray, *, size: int = 400) -> np.ndarray:
    """A black picture with a white disc at each point."""
    rows, columns = np.mgrid[:size, :size]
    picture = np.zeros((size, size, 3), np.uint8)
    for x, y in points:
        picture[(columns - x) ** 2 + (rows - y) ** 2 <= 9] = 255
    return picture


def turned(points: np.ndarray, *, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T * scale + shift


def test_a_similarity_is_recovered_exactly():
    source = np.array(TEMPLATE)
    target = turned(source, degrees=30, scale=1.5, shift=(7, -3))
    transform = fit_similarity(source, target)
    np.testing.assert_allclose(source @ transform[:, :2].T + transform[:, 2], target, atol=1e-9)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (35, 1.4), (-70, 0.8)])
def test_landmarks_come_to_lie_on_the_template(degrees, scale):
    landmarks = turned(np.array(TEMPLATE) - 80, degrees=degrees, scale=scale, shift=(200, 200))
    crop = crop_by_landmarks(dots(landmarks), landmarks.astype(np.float32), CropRule(TEMPLATE), width=160, height=160)
    for x, y in TEMPLATE:
        assert crop[round(y), round(x)].min() > 128


def test_the_stretch_widens_the_face_about_the_centre():
    """A face whose points lie on the template squeezed by 1.25 about x = 80 fills the template after the stretch."""
    squeezed = (np.array(TEMPLATE) - [80, 0]) / [1.25, 1] + [80, 0]
    rule = CropRule(TEMPLATE, 1.25)
    crop = crop_by_landmarks(dots(squeezed + 100), (squeezed + 100).astype(np.float32), rule, width=160, height=160)
    for x, y in TEMPLATE:
        assert crop[round(y), round(x)].min() > 128


def test_a_box_crop_keeps_the_centre_and_adds_the_margin():
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[50:150, 50:150] = 255
    crop = crop_by_box(picture, (50, 50, 150, 150), width=137, height=137)
    inside = crop[:, :, 0] > 128  # box 100 of 137 pixels: 18.5 pixels of margin on each side
    assert np.flatnonzero(inside[68]).tolist()[0] == pytest.approx(18, abs=1)
    assert inside.sum() == pytest.approx(100 * 100, rel=0.03)


def test_a_large_face_is_averaged_down_not_skipped():
    """A fine checkerboard, shrunk about ten times, must become grey."""
    picture = np.kron(np.indices((800, 800)).sum(axis=0) % 2, np.ones((2, 2))).astype(np.uint8) * 255
    crop = crop_by_box(np.dstack([picture] * 3), (400, 400, 1200, 1200), width=112, height=112)
    assert abs(float(crop.mean()) - 127.5) < 3
    assert float(crop.std()) < 12


def test_shrinking_first_does_not_move_the_landmarks():
    landmarks = turned(np.array(TEMPLATE) - 80, degrees=20, scale=9, shift=(900, 900))
    picture = np.kron(dots(landmarks / 6, size=300), np.ones((6, 6, 1))).astype(np.uint8)
    crop = crop_by_landmarks(picture, landmarks.astype(np.float32), CropRule(TEMPLATE), width=160, height=160)
    for x, y in TEMPLATE:
        assert crop[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].max() > 100


def test_a_crop_is_grey_outside_the_picture_where_version_1_repeated_the_edge():
    picture = np.full((100, 100, 3), 200, np.uint8)
    box = (-40, -40, 40, 40)
    assert crop_by_box(picture, box, width=64, height=64, version=1).min() == 200
    crop = crop_by_box(picture, box, width=64, height=64)
    assert (crop[:31] == 127).all()
    assert (crop[33:, 33:] == 200).all()


@pytest.mark.parametrize("scale", [0.9, 5.0])
def test_crops_inside_the_picture_are_the_same_in_both_versions(scale):
    noise = np.random.default_rng(1).integers(0, 256, (1200, 1200, 3)).astype(np.uint8)
    landmarks = turned(np.array(TEMPLATE) - 80, degrees=20, scale=scale, shift=(600, 600)).astype(np.float32)
    rule, size = CropRule(TEMPLATE), {"width": 160, "height": 160}
    first, second = (crop_by_landmarks(noise, landmarks, rule, **size, version=version) for version in (1, 2))
    np.testing.assert_array_equal(first, second)


def outside(shift: tuple[float, float], *, degrees: float = 0.0, picture: tuple[int, int] = (160, 160)) -> float:
    """Of a crop that lies on a picture of its own size, turned about its middle and then shifted."""
    landmarks = turned(np.array(TEMPLATE) - 79.5, degrees=degrees, scale=1.0, shift=(79.5 + shift[0], 79.5 + shift[1]))
    return share_outside(landmarks.astype(np.float32), CropRule(TEMPLATE), width=160, height=160, picture=picture)


@pytest.mark.parametrize(
    ("shift", "share"),
    [((0, 0), 0.0), ((40, 0), 0.25), ((0, -80), 0.5), ((-80, 80), 0.75), ((160, 0), 1.0), ((9000, 9000), 1.0)],
)
def test_how_much_of_the_crop_lies_outside_the_picture(shift, share):
    assert outside(shift) == pytest.approx(share, abs=1e-4)


def test_a_turned_crop_loses_its_corners():
    assert outside((0, 0), degrees=90) == pytest.approx(0, abs=1e-4)
    assert outside((0, 0), degrees=45) == pytest.approx(1 - 2 * (np.sqrt(2) - 1), abs=1e-4)  # the octagon is inside
    assert outside((500, 500), degrees=45, picture=(2000, 2000)) == 0


def test_the_share_outside_is_that_of_the_stretched_crop():
    """Landmarks on the template squeezed by 1.25: the crop shows the columns from 16 to 144."""
    squeezed = ((np.array(TEMPLATE) - [80, 0]) / [1.25, 1] + [80, 0]).astype(np.float32)
    shares = [
        share_outside(squeezed, CropRule(TEMPLATE, 1.25), width=160, height=160, picture=(width, 160))
        for width in (144, 80)
    ]
    assert shares == pytest.approx([0, 0.5], abs=0.005)


def test_landmarks_in_one_point_have_no_crop():
    nowhere = np.full((5, 2), 80, np.float32)
    assert share_outside(nowhere, CropRule(TEMPLATE), width=160, height=160, picture=(160, 160)) == 1


@pytest.mark.parametrize(
    ("shift", "inside"), [((200, 200), True), ((60, 200), False), ((200, 345), False), ((np.nan, 0), False)]
)
def test_a_crop_lies_inside_when_all_its_corners_do(shift, inside):
    """The template is 160 wide, so at scale 1 the crop reaches 80 from its centre."""
    landmarks = (np.array(TEMPLATE) - 80 + shift).astype(np.float32)
    assert lies_inside(landmarks, CropRule(TEMPLATE), (400, 400), width=160, height=160) is inside
