from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(("other", "verified", "code"), [(1, True, 0), (2, False, 4)])
def test_verify_answers_and_has_an_exit_code_on_request(run, photo, other, verified, code):
    one, two = photo(1), photo(other, photo=1)
    assert json.loads(run("verify", one, two, "--json").stdout)["verified"] is verified
    assert run("verify", one, two).exit_code == 0
    assert run("verify", one, two, "--exit-code").exit_code == code


def test_verify_says_which_face_was_chosen(run, photo):
    assert "B: largest of 2" in run("verify", photo(1), photo(1, 2)).stderr


@pytest.mark.parametrize("rate", ["0", "1", "-1", "nan"])
def test_an_error_rate_is_between_0_and_1(run, photo, rate):
    assert run("verify", photo(1), photo(2), "--target-fmr", rate).exit_code == 2
