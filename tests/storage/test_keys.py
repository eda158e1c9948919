"""API keys: made, shown once, refused in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vultus.errors import InvalidApiKey, InvalidRequest, NotFound
from vultus.storage.keys import KeyStore

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def test_a_key_opens_what_it_was_made_for(keys):
    made, secret = keys.create(
        "door", ["find", "enroll"], collections=["b", "a"], expires_at=NOW + timedelta(days=1), requests_per_minute=60
    )
    assert secret.startswith("vk_")
    assert len(secret) == 3 + 43  # 32 bytes in base64
    assert (made.scopes, made.collections, made.requests_per_minute) == (("enroll", "find"), ("a", "b"), 60)
    assert keys.authenticate(secret, NOW) == made == keys.keys()[0]


def test_whether_there_is_a_key(keys):
    assert not keys.any()
    keys.create("admin", ["admin"])
    assert keys.any()


def test_the_secret_is_in_no_file(tmp_path, keys):
    _, secret = keys.create("admin", ["admin"])
    keys.authenticate(secret, NOW)
    files = [path.read_bytes() for path in (tmp_path / "data").iterdir()]
    assert any(b"admin" in content for content in files)
    assert not any(secret[3:].encode() in content for content in files)


def test_an_operators_secret_is_stored_once(keys):
    first, secret = keys.create("admin", ["admin"], secret="operator's own secret, long enough")
    again, _ = keys.create("other", ["find"], secret=secret)
    assert again == first
    assert len(keys.keys()) == 1


def test_every_refusal_has_its_own_sentence_and_no_key(keys):
    expiring, expired_secret = keys.create("a", ["find"], expires_at=NOW)
    revoked, revoked_secret = keys.create("b", ["find"])
    keys.revoke(revoked.id)
    for secret, words in [("vk_none", "unknown"), (expired_secret, "expired at 2030"), (revoked_secret, "was revoked")]:
        with pytest.raises(InvalidApiKey, match=words) as caught:
            keys.authenticate(secret, NOW)
        assert secret not in str(caught.value)
    assert keys.authenticate(expired_secret, NOW - timedelta(seconds=1)) == expiring


@pytest.mark.parametrize("secret", ["", "\ud800", "\0", "x" * 100_000])
def test_any_text_may_be_tried(keys, secret):
    with pytest.raises(InvalidApiKey):
        keys.authenticate(secret, NOW)


def test_a_revocation_holds_at_once_in_other_processes(keys, other_engine):
    made, secret = keys.create("door", ["find"])
    other = KeyStore(other_engine)
    assert other.authenticate(secret, NOW) == made
    revoked = keys.revoke(made.id)
    with pytest.raises(InvalidApiKey, match="revoked"):
        other.authenticate(secret, NOW)
    assert other.revoke(made.id) == revoked


def test_an_unknown_key_cannot_be_revoked(keys):
    with pytest.raises(NotFound, match="'none'"):
        keys.revoke("none")


def test_the_last_use_is_written_once_a_minute(keys):
    made, secret = keys.create("door", ["find"])
    noted = []
    for seconds in (0, 59, 60, 61):
        keys.touch(made.id, NOW + timedelta(seconds=seconds))
        noted.append(keys.authenticate(secret, NOW).last_used_at)
    assert noted == [NOW, NOW, NOW + timedelta(seconds=60), NOW + timedelta(seconds=60)]


def test_moments_keep_their_meaning_in_any_zone(keys):
    east = NOW.astimezone(UTC).astimezone(tz=None)
    made, _ = keys.create("door", ["find"], expires_at=east)
    assert made.expires_at == NOW


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scopes": []}, "needs scopes"),
        ({"scopes": ["find", "fly"]}, "'fly'"),
        ({"expires_at": NOW.replace(tzinfo=None)}, "time zone"),
        ({"requests_per_minute": 0}, "requests_per_minute is 0"),
        ({"requests_per_minute": 2**70}, "requests_per_minute"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(keys, options, words):
    with pytest.raises(InvalidRequest, match=words):
        keys.create("door", **{"scopes": ["find"], **options})
    assert not keys.any()
