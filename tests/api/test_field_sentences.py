"""A wrong field is named as callers know it, and not by what its type is inside."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

import pytest
from pydantic import ValidationError

import vultus.schemas
from vultus.api.errors import request_sentence
from vultus.errors import VultusError
from vultus.schemas.field_types import ImageLimits
from vultus.schemas.requests import CallFields

ODD: tuple[Any, ...] = (5, 1.5, True, "\0", "", "x" * 5000, [], {}, [[]], [{"vector": "x"}])
for module in pkgutil.iter_modules(vultus.schemas.__path__, "vultus.schemas."):
    importlib.import_module(module.name)


def kinds(kind: type[CallFields] = CallFields) -> list[type[CallFields]]:
    return [kind, *(below for child in kind.__subclasses__() for below in kinds(child))]


def named(kind: type[CallFields], field: str, value: object) -> list[str]:
    """The fields that the sentence names."""
    try:
        kind.model_validate({field: value}, context=ImageLimits(1000, 1))
    except ValidationError as exc:
        return re.findall(r'field "([^"]*)"', request_sentence(exc.errors()))
    except VultusError:  # of a photo
        pass
    return []


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_wrong_field_is_named_as_it_was_sent(kind):
    for field in kind.model_fields:
        for value in ODD:
            for name in named(kind, field, value):
                assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name), (field, value, name)
