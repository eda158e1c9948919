"""Additions to the OpenAPI document that types cannot express: both kinds of body, examples, error answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vultus.schemas.recognition import ErrorBody
from vultus.schemas.requests import CallFields

BASE64 = "base64, or a data:image/...;base64, URL"
CAUSES = {
    400: "invalid_request, invalid_image, model_name_not_allowed, detector_backend_not_allowed, vector_mismatch",
    401: "missing_api_key, invalid_api_key",
    403: "scope_not_allowed, collection_not_allowed, policy_loosened",
    404: "not_found, subject_not_found, collection_not_found, face_not_found",
    409: "model_mismatch, collection_exists, subject_exists, subject_erased, looks_like_another_subject, "
    "undo_not_possible, request_id_conflict",
    413: "request_too_large",
    422: "no_face_detected, multiple_faces, low_quality",
    429: "rate_limited; Retry-After and the RateLimit headers say when to ask again",
    500: "internal",
    501: "model_not_installed, with the command that installs it",
    503: "queue_full, queue_timeout, not_ready; Retry-After says when to ask again",
}
JSON = "application/json"
NULL = {"type": "null"}
Responses = dict[int | str, dict[str, Any]]


def error_answers(*leave_out: int) -> Responses:
    """The error statuses of a call, each with the one shape."""
    answers: Responses = {
        status: {"model": ErrorBody, "description": codes}
        for status, codes in CAUSES.items()
        if status not in leave_out
    }
    return {**answers, "default": {"model": ErrorBody, "description": "Any other failure has the same shape."}}


COMPUTE_ERRORS = error_answers()
RESOURCE_ERRORS = error_answers(422, 501)
PUBLIC_ERRORS: Responses = {503: COMPUTE_ERRORS[503], "default": COMPUTE_ERRORS["default"]}


def form_or_json(
    kind: type[CallFields], example: Mapping[str, Any], *, form_example: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`openapi_extra` of a compute call: the same fields as a form and as JSON.

    form_example: text for fields of the form that it cannot be sent without, beside its photos.
    """
    fields = kind.model_json_schema()["properties"]
    form = _schema(kind, _form_field)
    for name, text in (form_example or {}).items():
        form["properties"][name]["example"] = text
    # A page that fills in forms parses text that is JSON, and sends [1, 2] as "1,2" unless the part is declared JSON.
    encoding = {name: {"contentType": JSON} for name, field in fields.items() if _is_json_text(_without_null(field))}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form, **({"encoding": encoding} if encoding else {})},
                JSON: {"schema": _schema(kind, _json_field), "example": dict(example)},
            },
        }
    }


def form_and_json(form: type[CallFields], kind: type[CallFields], example: Mapping[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a call whose form and JSON have different fields. example: of the JSON."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _schema(form, _form_field)},
                JSON: {"schema": _schema(kind, _json_field), "example": dict(example)},
            },
        }
    }


def only_json(kind: type[CallFields], example: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a call with a JSON body."""
    content = {JSON: {"schema": _schema(kind, _json_field), "example": dict(example)}}
    return {"requestBody": {"required": required, "content": content}}


def _schema(kind: type[CallFields], change: Any) -> dict[str, Any]:
    referring = kind.model_json_schema()
    schema: dict[str, Any] = _inlined(referring, referring.pop("$defs", {}))
    schema["properties"] = {name: change(field) for name, field in schema["properties"].items()}
    return schema


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with its definitions in place of the references: these would lead nowhere in the whole document."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: _inlined(value, definitions) for name, value in schema.items() if name != "$ref"}
    if "$ref" not in schema:
        return inside
    return {**_inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions), **inside}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """The field's schema when a value is sent: without the alternative null."""
    kinds = [kind for kind in field.get("anyOf", []) if kind != NULL]
    if len(kinds) != 1:
        return field
    rest = {name: value for name, value in field.items() if name != "anyOf" and (name, value) != ("default", None)}
    return {**kinds[0], **rest}


def _json_field(field: dict[str, Any]) -> dict[str, Any]:
    """In JSON null is the same as leaving an optional field out."""
    plain = _in_json(_without_null(field))
    if NULL not in field.get("anyOf", []):
        return plain
    labels = ("title", "description")
    kind = {name: value for name, value in plain.items() if name not in labels}
    return {"anyOf": [kind, NULL], **{name: plain[name] for name in labels if name in plain}}


def _in_json(field: dict[str, Any]) -> dict[str, Any]:
    """In JSON an image is text."""
    if field.get("format") == "binary":
        text = {name: value for name, value in field.items() if name != "format"}
        return {**text, "contentEncoding": "base64", "description": f"{field.get('description', '')} {BASE64}".strip()}
    if field.get("items", {}).get("format") == "binary":
        one = _in_json(field["items"])
        rest = {name: value for name, value in field.items() if name not in ("items", "type")}
        return {**rest, "anyOf": [one, {"type": "array", "items": one}]}
    return field


def _form_field(field: dict[str, Any]) -> dict[str, Any]:
    """In a form an object or an array of values is its JSON text; what may be left out is shown blank.

    Without the blank example a page that fills in forms, like the one at /docs, makes up a value for every field, and
    for a list of photos one item.
    """
    kind = _without_null(field)
    if _is_json_text(kind):
        # without a contentMediaType, which pages of this kind take for a file to choose
        kind = {"type": "string", "description": f"{kind.get('description', '')} As JSON.".strip()}
    if "default" not in field or field["default"] is not None:
        return kind
    if "binary" in str(kind):
        return {**kind, "example": [""]} if kind.get("type") == "array" else kind
    return {**kind, "example": ""}


def _is_json_text(kind: dict[str, Any]) -> bool:
    """Whether a form sends a field as JSON text: an object, or an array of anything but photos."""
    return kind.get("type") == "object" or (kind.get("type") == "array" and "binary" not in str(kind))
