"""vultus keys import: secrets come by standard input, never as an argument."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

NOW = datetime.now(UTC)
FACES = "00000000-0000-0000-0000-0000000000ab"
ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def test_a_uuid_is_registered_for_one_collection(run, small):
    answer = run("keys", "import", "compreface-recognition", "double take", "--collection", "people", sent=f"{FACES}\n")
    assert answer.exit_code == 0
    key = small.keys.authenticate(FACES, NOW)
    assert answer.stdout == f"key {key.id} of kind compreface-recognition is registered for people\n"
    assert (key.name, key.collections) == ("double take", ("people",))
    assert key.scopes == ("enroll", "verify", "find", "represent", "read", "erase")


def test_what_is_not_said_is_as_its_service_has_it(run, small):
    answer = run("keys", "import", "compreface-detection", "x", "--json", sent=FACES)
    key = json.loads(answer.stdout)
    assert (key["kind"], key["scopes"], key["collections"]) == ("compreface-detection", ["represent"], ["default"])


def test_an_access_key_is_two_lines(run, small):
    answer = run("keys", "import", "aws", "tests", "--scope", "find", sent=f"{ID}\n{SECRET}\n")
    assert answer.exit_code == 0, answer.output
    key, secret = small.keys.secret_of(ID, NOW)
    assert (secret, key.kind, key.scopes, key.collections) == (SECRET, "aws", ("find",), None)
    shown = run("keys", "list").stdout + run("keys", "list", "--json").stdout + answer.output
    assert "aws" in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("arguments", "sent", "says"),
    [
        (("compreface-recognition",), "", "standard input ended before the key"),
        (("aws",), f"{ID}\n", "standard input ended before the secret access key"),
        (("compreface-recognition",), "no uuid", "is a UUID"),
        (("compreface-recognition", "--collection", "a", "--collection", "b"), FACES, "bound to one collection"),
        (("rekognition",), FACES, "compreface-recognition"),
    ],
)
def test_what_cannot_be_registered_is_refused_in_a_sentence(run, small, arguments, sent, says):
    answer = run("keys", "import", arguments[0], "x", *arguments[1:], sent=sent)
    assert answer.exit_code != 0
    assert says in answer.output
    assert small.keys.keys() == ()
