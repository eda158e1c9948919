"""Pages have a place for screenshots, and look right without them."""

from __future__ import annotations

import importlib.util

import pytest

from tests.documents.pages import SITE

PAGE = "Before.\n\n<!-- screenshot: door -->\n\nAfter.\n"


@pytest.fixture(scope="module")
def with_screenshots():
    spec = importlib.util.spec_from_file_location("screenshots", SITE / "screenshots.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.with_screenshots


def test_a_picture_that_is_there_is_shown(with_screenshots, tmp_path):
    (tmp_path / "door.png").touch()
    shown = with_screenshots(PAGE, tmp_path, "../../")
    assert shown == "Before.\n\n![Screenshot: door](../../build/screenshots/door.png)\n\nAfter.\n"


def test_one_that_is_missing_leaves_no_gap_that_is_seen(with_screenshots, tmp_path):
    assert with_screenshots(PAGE, tmp_path, "../../") == "Before.\n\n\n\nAfter.\n"
