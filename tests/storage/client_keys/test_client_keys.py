"""Keys that clients of other services have already: registered, used, rotated, revoked; AWS secrets encrypted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from vultus.backup.seal_check import broken_seals
from vultus.errors import InvalidApiKey, InvalidRequest, SealBroken
from vultus.installation_key import InstallationKey
from vultus.storage.client_keys.aws_secrets import unreadable_secrets
from vultus.storage.client_keys.client_kinds import UUID

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FACES = "00000000-0000-0000-0000-0000000000AB"


def register_aws(keys, access_key_id=ID, **limits):
    return keys.register("aws", "tests", SECRET, ["find"], access_key_id=access_key_id, **limits)


def test_a_uuid_of_compreface_is_a_key_in_either_case(keys):
    made = keys.register("compreface-recognition", "double take", FACES, ["find"], collections=["people"])
    assert keys.authenticate(FACES.lower(), NOW) == made == keys.keys()[0]
    assert (made.kind, made.collections) == ("compreface-recognition", ("people",))


def test_a_native_key_is_of_kind_native(keys):
    made, secret = keys.create("door", ["find"])
    assert (made.kind, keys.authenticate(secret, NOW).kind) == ("native", "native")


def test_a_secret_is_registered_once(keys):
    made = keys.register("deepface", "shop", "a token of DeepFace".replace(" ", "-"), ["find"])
    with pytest.raises(InvalidRequest, match=f"registered already, as key {made.id}"):
        keys.register("deepface", "again", "a-token-of-DeepFace", ["find"])
    aws = register_aws(keys)
    with pytest.raises(InvalidRequest, match=f"registered already, as key {aws.id}"):
        register_aws(keys)
    assert len(keys.keys()) == 2


@pytest.mark.parametrize(
    ("kind", "secret", "says"),
    [
        ("compreface-detection", "not-a-uuid", "is a UUID"),
        ("deepface", "short", "16 to 256 visible"),
        ("deepface", "with a space in the middle", "16 to 256 visible"),
        ("aws", "short", "16 to 128 of"),
    ],
)
def test_a_secret_of_another_shape_is_refused_and_not_repeated(keys, kind, secret, says):
    with pytest.raises(InvalidRequest, match=says) as caught:
        keys.register(kind, "x", secret, ["find"], access_key_id=ID)
    assert secret not in str(caught.value)
    assert keys.keys() == ()


def test_an_access_key_id_of_another_shape_leaves_nothing(keys):
    with pytest.raises(InvalidRequest, match="access key id is 16 to 128"):
        register_aws(keys, access_key_id="AKIA")
    assert keys.keys() == ()


def test_the_secret_of_an_access_key_comes_back(keys):
    made = register_aws(keys, collections=["staff"], requests_per_minute=5)
    assert keys.secret_of(ID, NOW) == (made, SECRET)


def test_the_secret_of_an_access_key_opens_nothing_by_itself(keys):
    register_aws(keys)
    for sent in (SECRET, ID):
        with pytest.raises(InvalidApiKey):
            keys.authenticate(sent, NOW)


def test_a_native_key_is_its_own_secret(keys):
    made, secret = keys.create("trial", ["find"])
    assert keys.secret_of(secret, NOW) == (made, secret)
    with pytest.raises(InvalidApiKey, match="unknown"):
        keys.secret_of("vk_of_nobody", NOW)


@pytest.mark.sqlite
def test_the_secret_of_an_access_key_is_in_no_file(tmp_path, keys):
    register_aws(keys)
    files = [path.read_bytes() for path in (tmp_path / "data").iterdir()]
    assert any(ID.encode() in content for content in files)
    assert not any(SECRET.encode() in content for content in files)


def test_unknown_expired_and_revoked_access_keys_are_refused(keys):
    with pytest.raises(InvalidApiKey, match="access key is unknown"):
        keys.secret_of(ID, NOW)
    made = register_aws(keys, expires_at=NOW)
    with pytest.raises(InvalidApiKey, match="expired"):
        keys.secret_of(ID, NOW)
    assert keys.secret_of(ID, NOW - timedelta(seconds=1))[0] == made
    keys.revoke(made.id)
    with pytest.raises(InvalidApiKey, match="unknown"):
        keys.secret_of(ID, NOW - timedelta(seconds=1))


def test_a_revoked_access_key_can_be_registered_anew(keys):
    keys.revoke(register_aws(keys).id)
    again = register_aws(keys)
    assert keys.secret_of(ID, NOW) == (again, SECRET)


def test_a_rotated_uuid_is_followed_by_another_uuid(keys):
    made = keys.register("compreface-verification", "door", str(uuid4()), ["verify"])
    rotation = keys.rotate(made.id, overlap=timedelta(minutes=1))
    assert UUID.fullmatch(rotation.secret)
    assert keys.authenticate(rotation.secret, NOW).id == made.id


def test_an_access_key_is_replaced_by_another_and_not_rotated(keys):
    made = register_aws(keys)
    with pytest.raises(InvalidRequest, match=f"vultus keys import aws.*vultus keys revoke {made.id}"):
        keys.rotate(made.id, overlap=timedelta(minutes=1))
    assert keys.secret_of(ID, NOW) == (made, SECRET)


def other_key(folder: Path) -> InstallationKey:
    (folder / "other.key").write_text("7" * 64)
    return InstallationKey(folder / "other.key")


def test_secrets_of_a_lost_installation_key_are_named(tmp_path, keys, database):
    made = register_aws(keys)
    lost = other_key(tmp_path)
    with database.reading() as connection:
        assert unreadable_secrets(connection, database.installation_key) == []
        assert unreadable_secrets(connection, lost) == [made.id]
        assert unreadable_secrets(connection, InstallationKey(tmp_path / "none.key")) == [made.id]


@pytest.mark.sqlite
def test_a_changed_secret_is_not_used(keys, database):
    made = register_aws(keys)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE aws_secrets SET seal = zeroblob(16)")
    with pytest.raises(SealBroken, match=made.id):
        keys.secret_of(ID, NOW)
    with database.reading() as connection:
        assert list(broken_seals(database, connection)) == [
            f"1 rows of aws_secrets were changed from outside or damaged: {made.id}"
        ]
