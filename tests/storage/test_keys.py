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


@pytest.mark.sqlite
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


def test_a_revocation_holds_at_once_in_other_processes(keys, other_database):
    made, secret = keys.create("door", ["find"])
    other = KeyStore(other_database)
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


# --- rotation -----------------------------------------------------------------------------------------------------


def rotated(keys, overlap: timedelta = timedelta(hours=1), **grants):
    """The key, the secret it had, and what rotating it answered."""
    made, old = keys.create("door", ["find"], **grants)
    return made, old, keys.rotate(made.id, overlap=overlap)


def test_a_rotated_key_keeps_its_id_and_grants_and_both_secrets_open_it_during_the_overlap(keys):
    made, old, rotation = rotated(keys, collections=["a"], requests_per_minute=7)
    assert rotation.key == made
    assert rotation.secret != old
    before_the_end = rotation.old_until - timedelta(seconds=1)
    assert keys.authenticate(old, before_the_end) == keys.authenticate(rotation.secret, before_the_end) == made


def test_the_old_secret_ends_with_the_overlap_and_says_so(keys, other_database):
    _, old, rotation = rotated(keys)
    for store in (keys, KeyStore(other_database)):
        with pytest.raises(InvalidApiKey, match="was replaced, and the old one ended at"):
            store.authenticate(old, rotation.old_until)
        store.authenticate(rotation.secret, rotation.old_until)


def test_without_overlap_the_old_secret_ends_at_once(keys):
    _, old, _ = rotated(keys, timedelta(0))
    with pytest.raises(InvalidApiKey, match="was replaced"):
        keys.authenticate(old, datetime.now(UTC))


def test_two_rotations_leave_three_secrets_each_until_its_own_end(keys):
    made, first, second = rotated(keys)
    third = keys.rotate(made.id, overlap=timedelta(hours=2))
    for secret in (first, second.secret, third.secret):
        assert keys.authenticate(secret, second.old_until - timedelta(seconds=1)) == made
    with pytest.raises(InvalidApiKey):
        keys.authenticate(first, second.old_until)
    assert keys.authenticate(second.secret, second.old_until) == made


def test_a_revocation_ends_all_secrets_of_a_key_in_every_process(keys, other_database):
    made, old, rotation = rotated(keys)
    keys.revoke(made.id)
    for secret in (old, rotation.secret):
        with pytest.raises(InvalidApiKey, match="revoked"):
            KeyStore(other_database).authenticate(secret, NOW)


def test_an_old_secret_does_not_outlive_its_key(keys):
    soon = datetime.now(UTC) + timedelta(minutes=5)
    _, old, _ = rotated(keys, expires_at=soon)
    with pytest.raises(InvalidApiKey, match="expired"):
        keys.authenticate(old, soon)


def test_what_is_revoked_or_expired_or_unknown_is_not_rotated(keys):
    revoked, _ = keys.create("a", ["find"])
    keys.revoke(revoked.id)
    expired, _ = keys.create("b", ["find"], expires_at=datetime.now(UTC) - timedelta(days=1))
    for key_id, refusal in ((revoked.id, InvalidRequest), (expired.id, InvalidRequest), ("none", NotFound)):
        with pytest.raises(refusal):
            keys.rotate(key_id, overlap=timedelta(0))


def test_an_admin_key_is_rotated_only_where_that_is_allowed(keys):
    admin, old = keys.create("admin", ["admin"])
    with pytest.raises(InvalidRequest, match=f"vultus keys rotate {admin.id}"):
        keys.rotate(admin.id, overlap=timedelta(0), admin_too=False)
    assert keys.authenticate(old, datetime.now(UTC)) == admin
    assert keys.rotate(admin.id, overlap=timedelta(0)).key == admin


@pytest.mark.sqlite
def test_no_secret_of_a_rotation_is_in_a_file(tmp_path, keys):
    _, old, rotation = rotated(keys)
    for path in (tmp_path / "data").iterdir():
        assert not any(secret[3:].encode() in path.read_bytes() for secret in (old, rotation.secret))


# --- clocks -------------------------------------------------------------------------------------------------------


def test_expiry_follows_a_clock_that_jumps(keys):
    made, secret = keys.create("door", ["find"], expires_at=NOW)
    assert keys.authenticate(secret, NOW - timedelta(days=400)) == made
    with pytest.raises(InvalidApiKey, match="expired"):
        keys.authenticate(secret, NOW + timedelta(days=400))
    assert keys.authenticate(secret, NOW - timedelta(seconds=1)) == made  # and back again: nothing was lost on the way


def test_the_last_use_follows_a_clock_that_was_set_back(keys):
    made, secret = keys.create("door", ["find"])
    for now in (NOW + timedelta(days=400), NOW):
        keys.touch(made.id, now)
        assert keys.authenticate(secret, NOW).last_used_at == now
