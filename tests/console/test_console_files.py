"""The files of the console: small, few, nothing of others but what is named, and no sentence that lacks a language."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, get_args

import flit_core.buildapi
import pytest

from tests.house import MOST_FILES
from vultus import errors
from vultus.api.console.static_files import FOLDER, TYPES
from vultus.records.cautions import CautionCode

MOST_LINES = 300
FIRST_PAINT_BYTES = 100_000
VENDOR = FOLDER / "vendor"
LANGUAGES = sorted(path.name for path in (FOLDER / "languages").iterdir())
MODULES = sorted((FOLDER / "app").rglob("*.mjs"))
PAGES = sorted(path.stem for path in (FOLDER / "app" / "pages").glob("*.mjs"))
STATIC_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?from "([^"]+)";|^import "([^"]+)";', re.MULTILINE)
# How a module names sentences: whole, or a family of them by what the API answers.
NAMED = re.compile(r"[\"`]((?:\w+)\.\w+(?:\$\{[^}]+\})?)[\"`]")
NAMED_FAMILY = re.compile(r"`(\w+\.\w*)\$\{")
PLURALS = {"en": {"one", "other"}, "de": {"one", "other"}, "ja": {"other"}}
PLURALS["ar"] = {"zero", "one", "two", "few", "many", "other"}


def test_no_file_is_long_and_no_folder_full():
    own = [path for path in FOLDER.rglob("*") if path.is_file() and path.parent != VENDOR]
    long = {path.name: len(path.read_text("utf-8").splitlines()) for path in own}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}
    folders = [FOLDER, *(path for path in FOLDER.rglob("*") if path.is_dir())]
    full = {folder.name: sum(one.is_file() for one in folder.iterdir()) for folder in folders}
    assert {name: count for name, count in full.items() if count > MOST_FILES} == {}


def test_every_file_has_a_type_that_is_served():
    assert {path.suffix for path in FOLDER.rglob("*") if path.is_file()} <= {*TYPES, ".toml"}


def test_every_module_and_style_says_what_it_is():
    files = [*MODULES, *(FOLDER / "style").glob("*.css")]
    assert [path.name for path in files if not path.read_text("utf-8").startswith(("// ", "/* "))] == []


def test_no_file_names_another_host():
    own = [path for path in FOLDER.rglob("*") if path.is_file() and path.parent != VENDOR]
    found = {path.name: re.findall(r"(?:https?:)?//[\w.-]+\.\w+", path.read_text("utf-8")) for path in own}
    assert {name: hosts for name, hosts in found.items() if set(hosts) - {"http://www.w3.org"}} == {}


def test_the_first_page_loads_little():
    """Without compression, as the server sends it, in the language that takes the most."""
    page = (FOLDER / "index.html").read_text("utf-8")
    linked = [FOLDER / path.removeprefix("console/") for path in re.findall(r"(?:href|src)=\"(console/[^\"]+)\"", page)]
    loaded = {FOLDER / "index.html", *linked} | graph(FOLDER / "app" / "main.mjs")
    loaded |= graph(FOLDER / "app" / "pages" / "who.mjs") | {FOLDER / "style" / "results.css"}
    words = [
        sum((FOLDER / "languages" / one / f"{part}.json").stat().st_size for part in ("common", "who"))
        for one in LANGUAGES
    ]
    assert len(loaded) > 20
    assert sum(path.stat().st_size for path in loaded) + max(words) < FIRST_PAINT_BYTES


def graph(start: Path) -> set[Path]:
    """A module and all that it imports before it runs."""
    bare = json.loads(re.search(r"importmap\">(.*?)</script>", (FOLDER / "index.html").read_text("utf-8"), re.S)[1])
    found, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for first, second in STATIC_IMPORT.findall(path.read_text("utf-8")):
            name = first or second
            mapped = bare["imports"].get(name)
            waiting.append(FOLDER / mapped.removeprefix("./console/") if mapped else (path.parent / name).resolve())
    return found


# --- sentences ----------------------------------------------------------------------------------------------------


@cache
def sentences(language: str) -> dict[str, Any]:
    parts = sorted((FOLDER / "languages" / language).glob("*.json"))
    read = [json.loads(path.read_text("utf-8")) for path in parts]
    assert sum(map(len, read)) == len({key for part in read for key in part}), "a key is in two files"
    return {key: value for part in read for key, value in part.items()}


def values(sentence: str | dict[str, str]) -> list[str]:
    return [sentence] if isinstance(sentence, str) else list(sentence.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_sentence_with_the_same_values(language):
    wanted, found = sentences("en"), sentences(language)
    assert set(found) == set(wanted)
    for key in wanted:
        names = {name for text in values(wanted[key]) for name in re.findall(r"\{(\w+)\}", text)} - {"count"}
        assert all({*re.findall(r"\{(\w+)\}", text)} - {"count"} == names for text in values(found[key])), key
        assert all(text.strip() for text in values(found[key])), key
        if isinstance(wanted[key], dict):
            assert set(found[key]) == PLURALS[language], key


def test_no_module_makes_markup_of_text():
    """A name is text on every page; the policy of the page, which a browser holds, is the second wall."""
    makers = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|parseFromString|srcdoc"
    )
    assert [path.name for path in MODULES if makers.search(path.read_text("utf-8"))] == []


def test_every_page_has_its_file_of_sentences_and_its_line():
    table = re.findall(r"name: \"(\w+)\"", (FOLDER / "app" / "pages.mjs").read_text("utf-8"))
    assert sorted(table) == PAGES
    for language in LANGUAGES:
        files = {path.stem for path in (FOLDER / "languages" / language).glob("*.json")}
        assert files == {"common", *PAGES}


def test_a_page_uses_its_own_sentences_and_the_common_ones():
    """Those of another page are not loaded."""
    for page in PAGES:
        for path in (FOLDER / "app" / "pages").rglob("*.mjs"):
            if path.stem != page and page not in path.parent.parts:
                own = re.findall(rf"[\"`]({page}\.\w+)", path.read_text("utf-8"))
                assert own == [], path


def test_every_sentence_that_a_module_names_is_there_and_none_is_left_over():
    lines = [line for path in MODULES for line in path.read_text("utf-8").splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("//"))
    known = sentences("en")
    first = {key.partition(".")[0] for key in known}
    named = {name for name in NAMED.findall(text) if name.partition(".")[0] in first and "$" not in name}
    assert {name for name in named - set(known) if not name.endswith(".jpg")} == set()
    families = tuple(family for family in NAMED_FAMILY.findall(text) if family.partition(".")[0] in first)
    assert sorted(key for key in set(known) - named if not key.startswith(families)) == []


def test_every_code_that_the_api_answers_has_a_sentence():
    codes = {one.code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "code")}
    never_sent = {"storage_failed", "settings_invalid", "model_invalid"}  # answered as internal
    own = {"unreachable", "unexpected", "not_cut"}  # of the console itself
    known = {key.partition(".")[2] for key in sentences("en") if key.startswith("error.")}
    assert codes - never_sent | own == known
    cautions = {key.partition(".")[2] for key in sentences("en") if key.startswith("caution.")}
    assert cautions == set(get_args(CautionCode))


# --- of others ----------------------------------------------------------------------------------------------------


def packages() -> list[dict[str, Any]]:
    return tomllib.loads((VENDOR / "vendored.toml").read_text("utf-8"))["package"]


def test_vendored_files_have_the_digests_that_are_written_down_and_there_are_no_others():
    wanted = {name: file["sha256"] for package in packages() for name, file in package["files"].items()}
    found = {path.name: sha256(path.read_bytes()) for path in VENDOR.iterdir() if path.suffix != ".toml"}
    assert found == wanted


@pytest.mark.soak  # the one test that asks a registry: by default tests talk to this machine alone
@pytest.mark.parametrize("package", packages(), ids=lambda package: package["name"])
def test_vendored_files_are_those_of_the_npm_package(package, tmp_path):
    tarball = tmp_path / fetched(f"{package['name']}@{package['version']}", tmp_path)
    assert sha256(tarball.read_bytes()) == package["tarball"]
    with tarfile.open(tarball) as archive:
        for name, file in package["files"].items():
            content = archive.extractfile(f"package/{file['from']}").read()
            assert content == (VENDOR / name).read_bytes()


def fetched(package: str, folder: Path) -> str:
    """The name of the tarball. Skips the test where npm, or the registry, is not there."""
    command = ["npm", "pack", "--silent", "--fetch-retries=0", package]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    except (FileNotFoundError, subprocess.TimeoutExpired) as exc:
        pytest.skip(f"npm does not answer here: {type(exc).__name__}")
    if answer.returncode:
        pytest.skip(f"npm reaches no registry here (exit status {answer.returncode})")
    return answer.stdout.strip().splitlines()[-1]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_all_files_are_in_the_wheel(tmp_path, monkeypatch):

    monkeypatch.chdir(Path(__file__).parents[2])
    wheel = tmp_path / flit_core.buildapi.build_wheel(str(tmp_path))
    names = set(zipfile.ZipFile(wheel).namelist())
    place = "vultus/api/console/static"
    assert {f"{place}/{path.relative_to(FOLDER).as_posix()}" for path in FOLDER.rglob("*") if path.is_file()} <= names
