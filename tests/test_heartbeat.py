"""A server among the replicas of its database: what it says of itself, and while it serves alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.pictures import drawn_photo
from tests.waiting import wait_until
from vultus.config import Settings
from vultus.errors import SettingsInvalid
from vultus.model_registry import ModelRegistry
from vultus.models.card import find_card
from vultus.models.catalogue import known_cards
from vultus.models.repository.store import ModelStore
from vultus.storage import tables as t
from vultus.storage.replication.replicas import Identity, Replica
from vultus.wiring.heartbeat import identity_of, replicated


def identity(tmp_path, model=None, **given) -> Identity:
    """Of a server with these models; none is loaded."""
    cards = known_cards(tmp_path)
    store = ModelStore(tmp_path, cards)
    return identity_of(ModelRegistry(store, cards, default=model or Settings().default_model, **given), store)


def rows(small, table):
    with small.gallery._database.reading() as connection:
        return connection.execute(table.select()).all()


def test_servers_with_the_same_cards_and_calibrations_are_alike_and_others_are_not(tmp_path):
    ours = identity(tmp_path)
    assert identity(tmp_path) == ours
    card = next(one for one in known_cards(tmp_path) if one.id == ours.model_id)
    assert ours.pipeline_version == card.pipeline_version
    changed = replace(card.calibration, comparisons=card.calibration.comparisons + 1)
    other = identity(tmp_path, operator_calibrations={ours.model_id: changed})
    assert replace(other, calibrations=ours.calibrations) == ours != other
    live = identity(tmp_path, operator_liveness={"minifasnet": find_card(known_cards(tmp_path), "minifasnet").liveness})
    assert replace(live, calibrations=ours.calibrations) == ours != live
    model = next(one.id for one in known_cards(tmp_path) if one.task == "recognition" and one.id != ours.model_id)
    assert identity(tmp_path, model).model_sha256 != ours.model_sha256


def test_a_server_is_a_replica_while_it_serves_and_says_what_it_has_in_memory(small, tmp_path):
    small.service.enrolment.enroll([drawn_photo(1)], subject="anna")
    small.service.identification.find(drawn_photo(1))
    replica = Replica(small.gallery._database, identity(tmp_path))
    with replicated(replica, small.service.context.index, alone=True):
        assert [row.id for row in rows(small, t.replicas)] == [replica.id]
        wait_until(lambda: rows(small, t.replica_marks), "a heartbeat")
        assert [row.revision for row in rows(small, t.replica_marks)] == [1]
    assert rows(small, t.replicas) == rows(small, t.replica_marks) == []


def test_one_that_is_refused_leaves_the_others_as_they_are(small, tmp_path):
    first = Replica(small.gallery._database, identity(tmp_path))
    second = Replica(small.gallery._database, replace(identity(tmp_path), pipeline_version=99))
    index = small.service.context.index
    with replicated(first, index, alone=False):
        with pytest.raises(SettingsInvalid, match="another replica"), replicated(second, index, alone=False):
            pass
        assert [row.id for row in rows(small, t.replicas)] == [first.id]
