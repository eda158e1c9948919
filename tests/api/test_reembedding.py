"""Re-embedding over HTTP: start, look, finish, abandon."""

from __future__ import annotations

from tests.api.test_lists import enroll
from tests.standins import OTHER, TINY
from vultus.storage.audit import Audit
from vultus.wiring.background import job_runner

PATH = "/collections/default/reembed"


def test_a_collection_is_moved_and_finished(whole, small_client):
    enroll(small_client, "ana", 1)
    started = small_client.post(PATH, json={"model": OTHER})
    assert (started.status_code, started.json()["state"], started.json()["kind"]) == (202, "queued", "reembed")
    assert small_client.post(PATH, json={"model": OTHER}).json()["job_id"] == started.json()["job_id"]
    before = small_client.get(PATH).json()
    assert (before["model"], before["other"]["model"], before["other"]["state"]) == (TINY, OTHER, "filling")
    job_runner(whole.service).run_next()
    after = small_client.get(PATH).json()
    assert (after["model"], after["other"]["model"], after["other"]["state"]) == (OTHER, TINY, "kept")
    assert (after["job"]["state"], after["job"]["done"], after["missing"]) == ("done", 1, [])
    assert small_client.post(f"{PATH}/finish").json()["other"] is None
    actions = [line.action for line in Audit(whole.gallery._database).lines()]
    assert actions[-3:] == ["reembed", "reembed.switch", "reembed.finish"]


def test_faces_that_cannot_be_embedded_are_listed_in_pages(whole, small_client):
    enroll(small_client, "ana", 1)
    for seed in range(2):
        vector = [float(i == seed) for i in range(32)]
        small_client.post("/enroll", json={"embedding": vector, "model_name": TINY, "subject": f"bare-{seed}"})
    small_client.post(PATH, json={"model": OTHER})
    job_runner(whole.service).run_next()
    first = small_client.get(PATH, params={"limit": 1}).json()
    assert (first["job"]["state"], first["other"]["missing"], len(first["missing"])) == ("waiting", 2, 1)
    rest = small_client.get(PATH, params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert (rest["missing"][0]["reason"], rest["next_cursor"]) == (
        "enrolled by its embedding, without a photo",
        None,
    )
    assert small_client.post(f"{PATH}/abandon").json()["other"] is None
    assert small_client.post(f"{PATH}/abandon").json()["error"] == "invalid_request"


def test_who_may_not_and_what_is_not_there(whole, small_client):
    enroll(small_client, "ana", 1)
    assert small_client.post(PATH).json()["error"] == "invalid_request"  # it is embedded by its model already
    assert small_client.post(PATH, json={"model": "none"}).json()["error"] == "model_name_not_allowed"
    assert small_client.post("/collections/none/reembed").status_code == 404
    assert small_client.get("/collections/none/reembed").status_code == 404
    small_client.headers["x-api-key"] = whole.keys.create("door", ["enroll", "erase"])[1]
    assert [small_client.post(f"{PATH}{end}").status_code for end in ("", "/finish", "/abandon")] == [403] * 3
    small_client.headers["x-api-key"] = whole.keys.create("other", ["admin"], collections=["other"])[1]
    assert small_client.get(PATH).json()["error"] == "collection_not_allowed"
