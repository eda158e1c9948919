"""The page of errors has a section for each code, with its status and the exception of the Python client."""

from __future__ import annotations

import inspect
import re

from tests.documents.pages import DOCS
from vultus.api.errors import STATUS
from vultus_client import errors

INTERNAL = {"model_invalid", "storage_failed", "settings_invalid"}  # answered as "internal"
SECTION = re.compile(r"^### (\w+)\n\n(\d{3}) · `(\w+)`\n\n(.+?)\n\n\*\*What to do\.\*\* (.+)$", re.MULTILINE)


def test_each_code_has_a_section_with_its_status_and_exception():
    written = {
        code: (int(status), name)
        for code, status, name, _, _ in SECTION.findall((DOCS / "reference" / "errors.md").read_text("utf-8"))
    }
    classes = [one for _, one in inspect.getmembers(errors, inspect.isclass) if "code" in vars(one)]
    named = {one.code: one.__name__ for one in classes}
    assert written == {code: (status, named[code]) for code, status in STATUS.items() if code not in INTERNAL}
