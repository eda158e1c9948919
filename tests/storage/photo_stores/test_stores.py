"""What holds for stored photos wherever they are: in a local folder, and in object storage (moto stands in for S3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from tests.storage.photo_stores.object_storage import BUCKET
from vultus.errors import InvalidRequest, NotFound, StorageFailed
from vultus.storage.photo_stores.location import open_photos, photo_location
from vultus.storage.photo_stores.s3 import S3PhotoStore
from vultus.storage.photos import PhotoStore

DATA = b"a photo"
KEY = sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "s3"])
def photos(request, tmp_path) -> PhotoStore:
    if request.param == "folder":
        return open_photos(photo_location(f"file://{tmp_path}/photos", tmp_path))
    request.getfixturevalue("s3")
    store = open_photos(photo_location(f"s3://{BUCKET}/{tmp_path.name.replace('[', '').replace(']', '')}", tmp_path))
    assert isinstance(store, S3PhotoStore)
    store.require_usable()
    return store


def test_a_photo_comes_back_under_the_hash_of_its_bytes(photos):
    assert photos.put(DATA) == KEY
    assert (photos.get(KEY), photos.exists(KEY), photos.size(KEY)) == (DATA, True, len(DATA))
    assert photos.put(DATA) == KEY
    assert list(photos.keys()) == [KEY]


def test_a_deleted_photo_is_gone_and_may_be_deleted_again(photos):
    photos.put(DATA)
    photos.delete(KEY)
    photos.delete(KEY)
    assert (photos.exists(KEY), photos.size(KEY), list(photos.keys())) == (False, None, [])
    with pytest.raises(NotFound, match=KEY[:12]):
        photos.get(KEY)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", KEY.upper(), KEY + "\n", KEY[:-1], "/" + KEY[1:]])
def test_only_a_hash_reaches_a_path(photos, key):
    for method in (photos.get, photos.exists, photos.size, photos.delete):
        with pytest.raises(InvalidRequest, match="64 hex digits"):
            method(key)


def test_threads_may_store_one_photo_at_once(photos):
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(photos.put, [DATA] * 12)) == {KEY}
    assert photos.get(KEY) == DATA


def test_a_large_photo_comes_back(photos):
    data = bytes(range(256)) * 20_000  # 5 MB
    assert photos.get(photos.put(data)) == data


# --- object storage alone -----------------------------------------------------------------------------------------


def s3_store(prefix: str) -> S3PhotoStore:
    return S3PhotoStore(BUCKET, prefix)


def raw_put(store: S3PhotoStore, path: str, data: bytes) -> None:
    store._obstore.put(store._store, path, data)


def test_pages_are_listed_to_the_end_and_foreign_objects_left_out(s3, monkeypatch):
    monkeypatch.setattr("vultus.storage.photo_stores.s3.PAGE_OBJECTS", 5)
    store = s3_store("pages")
    wanted = {store.put(bytes([number])) for number in range(12)}
    raw_put(store, "note.txt", b"not a photo")
    assert sorted(store.keys()) == sorted(wanted)


def test_prefixes_do_not_see_each_other(s3):
    s3_store("one").put(DATA)
    assert list(s3_store("on").keys()) == []
    assert not s3_store("two").exists(KEY)


def test_a_damaged_object_is_not_handed_out_and_a_cut_one_is_put_again(s3):
    store = s3_store("damaged")
    path = f"{KEY[:2]}/{KEY[2:4]}/{KEY}"
    raw_put(store, path, b"b photo")
    with pytest.raises(StorageFailed, match="damaged"):
        store.get(KEY)
    raw_put(store, path, b"a ph")
    store.put(DATA)
    assert store.get(KEY) == DATA


def test_a_probe_leaves_nothing(s3):
    store = s3_store("probe")
    store.require_usable()
    assert list(store._obstore.list(store._store)) == []


def test_a_missing_bucket_is_named(s3):
    store = S3PhotoStore("no-such-bucket", "prefix")
    sentence = "the bucket no-such-bucket does not exist; make it"
    for method in (store.require_usable, lambda: store.put(DATA), lambda: store.get(KEY), lambda: list(store.keys())):
        with pytest.raises(StorageFailed, match=sentence):
            method()
