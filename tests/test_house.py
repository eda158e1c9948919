"""The shape of the code stays what it is: `python -m tests.house` prints the figures."""

from __future__ import annotations

import pytest

from tests.house import (
    CLIENT,
    MOST_FILES,
    REPEATED,
    SOURCE,
    cycles,
    files_of_folders,
    import_graph,
    imports_inside_functions,
    repeated_names,
)

# Ctrl-C while the command line is imported must be no traceback.
ALLOWED_INSIDE = {"cli/__init__.py"}


BOTH = pytest.mark.parametrize("source", [SOURCE, CLIENT], ids=lambda source: source.name)


@BOTH
def test_no_folder_is_too_full(source):
    assert {folder: count for folder, count in files_of_folders(source).items() if count > MOST_FILES} == {}


def test_a_file_name_is_repeated_only_for_a_reason():
    assert set(repeated_names(SOURCE)) == set(REPEATED)


def test_imports_of_the_client_stand_at_the_top():
    assert imports_inside_functions(CLIENT) == []


def test_imports_stand_at_the_top():
    assert {place.split(":")[0] for place in imports_inside_functions(SOURCE)} == ALLOWED_INSIDE


@BOTH
def test_there_is_no_import_cycle(source):
    assert cycles(import_graph(source)) == []


def test_a_cycle_would_be_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a -> b -> c -> a"]
