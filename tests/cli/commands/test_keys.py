from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from vultus.errors import InvalidApiKey

NOW = datetime.now(UTC)


def test_a_new_key_works_at_once(run, small):
    answer = run("keys", "create", "front door", "--scope", "verify", "--scope", "find")
    assert answer.exit_code == 0
    key = small.keys.authenticate(answer.stdout.split()[-1], NOW)
    assert (key.name, key.scopes, key.collections, key.expires_at) == ("front door", ("verify", "find"), None, None)


def test_the_scope_override_is_given_like_any_other(run, small):
    secret = run("keys", "create", "door", "--scope", "override", "--scope", "find").stdout.split()[-1]
    assert small.keys.authenticate(secret, NOW).scopes == ("find", "override")


def test_all_limits_are_kept(run):
    options = ("--collection", "staff", "--collection", "guests", "--expires-in-days", 2, "--requests-per-minute", 30)
    key = json.loads(run("keys", "create", "x", "--scope", "read", *options, "--json").stdout)
    assert (key["collections"], key["requests_per_minute"]) == (["guests", "staff"], 30)
    left = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=1, hours=23) < left < timedelta(days=2)
    assert key["key"].startswith("vk_")


def test_the_list_never_shows_a_key(run):
    secret = json.loads(run("keys", "create", "x", "--scope", "read", "--json").stdout)["key"]
    shown = run("keys", "list").stdout + run("keys", "list", "--json").stdout
    assert secret not in shown
    assert "active" in shown


def test_a_revoked_key_is_refused_and_listed_so(run, small):
    made = json.loads(run("keys", "create", "x", "--scope", "read", "--json").stdout)
    assert run("keys", "revoke", made["id"]).stdout == f"key {made['id']} is revoked\n"
    assert "revoked" in run("keys", "list").stdout
    with pytest.raises(InvalidApiKey, match="revoked"):
        small.keys.authenticate(made["key"], NOW)


def test_a_rotated_key_shows_its_new_secret_once_and_the_old_one_still_works(run, small):
    made = json.loads(run("keys", "create", "x", "--scope", "admin", "--json").stdout)
    answer = run("keys", "rotate", made["id"])
    assert answer.exit_code == 0
    assert f"Key {made['id']}, its new secret, shown this once; the old one works until" in answer.stdout
    for secret in (made["key"], answer.stdout.split()[-1]):
        assert small.keys.authenticate(secret, NOW).id == made["id"]


def test_the_overlap_of_a_rotation_is_chosen(run, small):
    made = json.loads(run("keys", "create", "x", "--scope", "read", "--json").stdout)
    rotated = json.loads(run("keys", "rotate", made["id"], "--overlap-minutes", 0, "--json").stdout)
    assert datetime.fromisoformat(rotated["old_key_until"]) <= datetime.now(UTC)
    with pytest.raises(InvalidApiKey, match="was replaced"):
        small.keys.authenticate(made["key"], datetime.now(UTC))
    assert run("keys", "rotate", made["id"], "--overlap-minutes", -1).exit_code == 2


def test_an_unknown_id_is_refused(run):
    answer = run("keys", "revoke", "nobody", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)["error"] == "not_found"


@pytest.mark.parametrize(
    "wrong",
    [
        ("--scope", "everything"),
        (),
        ("--scope", "read", "--collection", "a b"),
        ("--scope", "read", "--expires-in-days", "0"),
        ("--scope", "read", "--requests-per-minute", "0"),
    ],
)
def test_a_key_with_a_wrong_option_is_wrong_usage(run, small, wrong):
    assert run("keys", "create", "x", *wrong).exit_code == 2
    assert not small.keys.any()


def test_keys_need_no_models_and_no_running_service(run, surroundings, monkeypatch):
    monkeypatch.setenv("VULTUS_MODEL_DIR", "/dev/null/models")
    assert run("keys", "create", "x", "--scope", "read", "--data-dir", surroundings / "new").exit_code == 0
    assert (surroundings / "new" / "vultus.db").is_file()


@pytest.mark.parametrize(
    ("options", "settings", "begins"),
    [
        ((), {}, "http://127.0.0.1:8000/console#key=vk_"),
        ((), {"VULTUS_HOST": "0.0.0.0", "VULTUS_PORT": "9000"}, "http://localhost:9000/console#key=vk_"),
        ((), {"VULTUS_HOST": "::1"}, "http://[::1]:8000/console#key=vk_"),
        (("--url", "https://faces.example.org/vultus/"), {}, "https://faces.example.org/vultus/console#key=vk_"),
    ],
)
def test_a_link_signs_in_with_the_new_key(run, small, monkeypatch, options, settings, begins):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    link = run("keys", "create", "desk", "--scope", "find", "--link", *options).stdout.split()[-1]
    assert link.startswith(begins)
    assert small.keys.authenticate(link.partition("#key=")[2], NOW).name == "desk"
    made = json.loads(run("keys", "create", "desk", "--scope", "find", "--link", *options, "--json").stdout)
    assert made["link"] == begins.removesuffix("vk_") + made["key"]


@pytest.mark.parametrize(
    "wrong", [("--url", "https://x.example"), ("--link", "--url", "x.example"), ("--link", "--url", "ftp://x.example")]
)
def test_an_address_that_makes_no_link_is_wrong_usage(run, small, wrong):
    assert run("keys", "create", "x", "--scope", "read", *wrong).exit_code == 2
    assert not small.keys.any()


def test_a_key_is_revoked_by_the_beginning_of_its_id(run, small):
    key, secret = small.keys.create("door", ["find"])
    assert run("keys", "revoke", key.id[:8]).exit_code == 0
    with pytest.raises(InvalidApiKey):
        small.keys.authenticate(secret, NOW)


@pytest.mark.parametrize("command", [(), ("keys",), ("keys", "list"), ("find",), ("serve",)])
def test_the_help_page_shows_flags_without_a_type(run, command):
    assert "<bool>" not in run(*command, "--help").stdout
