"""Every operation of Rekognition's protocol is audited under an action of its own, but for lists."""

from __future__ import annotations

from pathlib import Path

from tests.api.standin import StandInSystem
from tests.api.test_audit import gates
from vultus.api.app import create_app
from vultus.api.dialects.rekognition import REKOGNITION

READ, CHANGE = False, True
ACTIONS = {
    "CreateCollection": ("rekognition.create_collection", CHANGE),
    "DeleteCollection": ("rekognition.delete_collection", CHANGE),
    "IndexFaces": ("rekognition.index_faces", CHANGE),
    "DeleteFaces": ("rekognition.delete_faces", CHANGE),
    "DetectFaces": ("rekognition.detect_faces", READ),
    "CompareFaces": ("rekognition.compare_faces", READ),
    "SearchFaces": ("rekognition.search_faces", READ),
    "SearchFacesByImage": ("rekognition.search_faces", READ),
    "SearchUsers": ("rekognition.search_users", READ),
    "SearchUsersByImage": ("rekognition.search_users", READ),
    "CreateUser": ("rekognition.create_user", CHANGE),
    "DeleteUser": ("rekognition.delete_user", CHANGE),
    "AssociateFaces": ("rekognition.associate_faces", CHANGE),
    "DisassociateFaces": ("rekognition.disassociate_faces", CHANGE),
    "UnknownOperation": ("rekognition.unknown", READ),
}
NOT_AUDITED = ("DescribeCollection", "ListCollections", "ListFaces", "ListUsers")


def test_every_operation_says_its_action_and_whether_it_is_a_change(system: StandInSystem) -> None:
    routes = gates(create_app(system, dialects=[REKOGNITION]))
    said = {route.name: (gate.action, gate.changes) for route, gate in routes if route.path == "/"}
    assert said == ACTIONS | dict.fromkeys(NOT_AUDITED, (None, READ))


def test_the_operations_page_names_every_action() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "operations.md").read_text("utf-8")
    named = next(line for line in page.splitlines() if line.startswith("| action |"))
    assert [action for action, _ in ACTIONS.values() if f"`{action}`" not in named] == []
