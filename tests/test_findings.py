"""One function words pydantic's findings for requests, settings and model cards."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vultus.findings import FieldError, Wording, sentence_of

WORDING = Wording(
    place=lambda steps: f"<{steps[0]}>" if steps else "",
    missing="{place} is missing, write {wanted}",
    unknown="{path} is unknown",
    wrong="{place} is {value!r}: {message}",
    said="{place}: {message}",
    wanted=lambda steps: f"the {steps[-1]}",
    skipped=("body",),
)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    count: int = Field(1, ge=1)
    inner: Inner | None = None

    @model_validator(mode="after")
    def _rules(self) -> Model:
        if self.name == "whole":
            raise ValueError("Two fields exclude each other")
        if self.name == "field":
            raise FieldError("count", "Does not go with name")
        if self.name == "needed":
            raise FieldError("inner", kind="missing")
        if self.name == "foreign":
            raise FieldError("inner", kind="unknown")
        return self


def findings(value: Any) -> list[Any]:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(value)
    return caught.value.errors()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "<name> is missing, write the name"),
        ({"name": "x", "inner": {}}, "<inner> is missing, write the size"),
        ({"name": "x", "inner": {"size": 1, "other": 2}}, "inner.other is unknown"),
        ({"name": "x", "count": 0}, "<count> is 0: input should be greater than or equal to 1"),
        ({"name": "whole"}, "Two fields exclude each other"),
        ({"name": "field"}, "<count>: does not go with name"),
        ({"name": "needed"}, "<inner> is missing, write the inner"),
        ({"name": "foreign"}, "inner is unknown"),
    ],
)
def test_each_kind_of_finding_has_its_words(value, sentence):
    assert sentence_of(findings(value), WORDING) == sentence


def test_several_findings_are_joined_up_to_a_number():
    errors = findings({"count": 0, "other": 1})
    assert sentence_of(errors, WORDING).count(";") == 2
    assert sentence_of(errors, WORDING, at_most=1) == "<name> is missing, write the name"


def test_steps_that_are_no_field_are_skipped():
    (error,) = findings({})
    assert sentence_of([{**error, "loc": ("body", "name")}], WORDING) == "<name> is missing, write the name"


def test_a_long_unknown_name_is_cut():
    (error,) = findings({"name": "x", "y" * 100: 1})
    assert sentence_of([error], WORDING) == f"{'y' * 60} is unknown"


def test_braces_of_a_value_are_no_template():
    (error,) = findings({"name": "x", "count": "{place}"})
    assert sentence_of([error], WORDING).startswith("<count> is '{place}': ")
