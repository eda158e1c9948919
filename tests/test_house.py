"""The shape of the code stays what it is: `python -m tests.house` prints the figures."""

from __future__ import annotations

from tests.house import (
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


def test_no_folder_is_too_full():
    assert {folder: count for folder, count in files_of_folders(SOURCE).items() if count > MOST_FILES} == {}


def test_a_file_name_is_repeated_only_for_a_reason():
    assert set(repeated_names(SOURCE)) == set(REPEATED)


def test_imports_stand_at_the_top():
    assert {place.split(":")[0] for place in imports_inside_functions(SOURCE)} == ALLOWED_INSIDE


def test_there_is_no_import_cycle():
    assert cycles(import_graph(SOURCE)) == []


def test_a_cycle_would_be_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a -> b -> c -> a"]
