"""Docs that cannot drift: pages made from the code are compared with it. Links: tests/documents."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.documents.pages import PAGES
from tests.house import CLIENT, SOURCE, listing, summary
from vultus.config import Settings, settings_page

ROOT = Path(__file__).parents[1]


def test_the_settings_page_is_the_one_the_code_makes():
    """To write it again: python -c "from vultus.config import settings_page; print(settings_page(), end='')"."""
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == settings_page()


def test_every_setting_explains_itself():
    assert all(field.description for field in Settings.model_fields.values())


def test_the_architecture_page_lists_every_file():
    """To write the list: python -m tests.house --listing."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert page.partition("## Every file")[2].partition("docstring.\n\n")[2] == f"{listing(SOURCE)}\n{listing(CLIENT)}"


def test_every_file_says_what_it_is():
    assert [str(path) for source in (SOURCE, CLIENT) for path in source.rglob("*.py") if not summary(path)] == []


def test_the_readme_shows_the_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")
    assert "make serve" in text
    assert "make test" in text


def test_packages_are_installed_into_the_checkout_and_by_names_that_we_depend_on():
    """`vultus` on the index is nobody's that we know: an extra is named by its package, never as vultus[extra]."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    known = {re.match(r"[\w-]+", requirement)[0] for requirement in ours}
    said = [line for page in [*PAGES, *SOURCE.rglob("*.py")] for line in page.read_text("utf-8").splitlines()]
    installs = [re.search(r"(\S*)pip install ([^\s`;,]+)", line) for line in said]
    assert [line for line in said if re.search(r"vultus\[\w+\]", line)] == []
    known |= {"onnxruntime-gpu"}  # in place of onnxruntime
    known |= {"--require-hashes", "--no-deps"}  # the lock file, and the checkout itself
    commands = [(found[1].lstrip("(`'\""), _package(found[2].strip("'\""))) for found in installs if found]
    assert (".venv/bin/", "faiss-cpu") in commands
    assert ("", "./clients/python") in commands
    commands = [one for one in commands if one != ("", "./clients/python")]  # by its callers, into their environments
    assert [one for one in commands if one[0] != ".venv/bin/" or one[1] not in {*known, "{source"}] == []


def _package(named: str) -> str:
    """A folder of the checkout as it is, a package without its version and extras."""
    is_folder = named.startswith("./") and (ROOT / named).is_dir()
    return named if is_folder else re.split(r"==|[.\[]", named)[0]
