"""One example for each call of the API, as a line for the Python client. The rest of the page is made from it.

Capitals such as FACE_ID stand for a value of an earlier answer: `keeps` says of which. They run in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """python: lines, of which the last one makes the call that is shown. keeps: place in the answer by name.

    runs_jobs: the work in the background is done before it.
    """

    python: str
    keeps: Mapping[str, str] = field(default_factory=dict)
    runs_jobs: bool = False


@dataclass(frozen=True)
class ReferencePage:
    """A page of docs/reference."""

    name: str
    title: str
    examples: tuple[Example, ...]


RECOGNITION = ReferencePage(
    "http-recognition",
    "Calls: recognition",
    (
        Example(
            'vultus.enroll("anna1.jpg", subject="anna", name="Anna", metadata={"team": "lab"})',
            {"FACE_ID": "faces.0.face_id"},
        ),
        Example('vultus.enroll("ben.jpg", subject="ben", name="Ben")', {"BENS_FACE": "faces.0.face_id"}),
        Example('vultus.verify("anna1.jpg", "anna2.jpg")'),
        Example('vultus.verify("anna2.jpg", subject="anna")'),
        Example('vultus.find("anna2.jpg", top_k=2)'),
        Example('vultus.represent("anna2.jpg")'),
        Example(
            '[anna] = vultus.represent("anna2.jpg")\nvultus.compare("anna1.jpg", targets={"anna": anna.embedding})'
        ),
        Example('vultus.detect("ben.jpg")'),
        Example('vultus.enroll("wall.jpg", subject="anna")'),
    ),
)

GALLERIES = ReferencePage(
    "http-galleries",
    "Calls: people, faces, collections",
    (
        Example("vultus.collections.list()"),
        Example('vultus.collections.create("visitors", policies={"retention_days": 30})'),
        Example('vultus.collections.get("default")'),
        Example('vultus.collections.set_policies({"target_fmr": 1e-4}, collection="visitors")'),
        Example('vultus.collections.erase("visitors")'),
        Example('list(vultus.subjects.list(query="an"))'),
        Example('vultus.subjects.get("anna")'),
        Example('vultus.subjects.update("anna", name="Anna Berg")'),
        Example('vultus.subjects.faces("anna")'),
        Example('vultus.subjects.export("anna")'),
        Example("list(vultus.faces.list(page_size=100))"),
        Example('vultus.faces.get("FACE_ID")'),
        Example('vultus.faces.crop("FACE_ID", size=160)'),
        Example('vultus.subjects.rename("ben", "benjamin")', {"UNDO_ID": "undo.id"}),
        Example('vultus.undo("UNDO_ID")'),
        Example('vultus.subjects.merge("ben", into="anna")', {"UNDO_ID": "undo.id"}),
        Example('vultus.faces.move("BENS_FACE", "ben-2")'),
        Example('vultus.faces.erase("BENS_FACE")'),
        Example('vultus.subjects.erase("anna")'),
    ),
)

ADMINISTRATION = ReferencePage(
    "http-administration",
    "Calls: keys, audit, jobs, state",
    (
        Example("vultus.health()"),
        Example("vultus.readiness()"),
        Example("vultus.capabilities()"),
        Example("vultus.status()"),
        Example("vultus.metrics()"),
        Example("vultus.keys.own()"),
        Example('vultus.keys.create("front door", scopes=["find"], requests_per_minute=60)', {"KEY_ID": "id"}),
        Example("vultus.keys.list()"),
        Example('vultus.keys.rotate("KEY_ID", overlap_minutes=60)'),
        Example('vultus.keys.revoke("KEY_ID")'),
        Example('next(vultus.audit.lines(action="enroll", page_size=1))'),
        Example(
            'vultus.enroll("ben.jpg", subject="ben")\nvultus.reembeddings.start(model="sface")', {"JOB_ID": "job_id"}
        ),
        Example("next(vultus.jobs.list(page_size=1))"),
        Example('vultus.jobs.get("JOB_ID")', runs_jobs=True),
        Example("vultus.reembeddings.get()"),
        Example("vultus.reembeddings.finish()"),
        Example('vultus.reembeddings.start(model="facenet512-casia-webface")', {"JOB_ID": "job_id"}),
        Example('vultus.jobs.cancel("JOB_ID")'),
        Example("vultus.reembeddings.abandon()"),
    ),
)

REVIEW = ReferencePage(
    "http-review",
    "Calls: many photos, people to look at",
    (
        Example('vultus.jobs.create("team.zip")'),
        Example('vultus.enroll("ben.jpg", subject="benjamin")\nvultus.duplicates.search()'),
        Example("vultus.duplicates.get()", runs_jobs=True),
        Example('vultus.duplicates.dismiss("ben", "benjamin")'),
        Example(
            'vultus.collections.create("lobby", policies={"keep_unknown_days": 7})\n'
            'vultus.find("ben.jpg", collection="lobby")\n'
            'vultus.find("anna1.jpg", collection="lobby")\n'
            'vultus.unknown_faces.list(collection="lobby")',
            {"UNKNOWN_ID": "groups.0.faces.0.id", "OTHER_ID": "groups.1.faces.0.id"},
        ),
        Example('vultus.unknown_faces.photo("UNKNOWN_ID", collection="lobby")'),
        Example('vultus.unknown_faces.assign(["UNKNOWN_ID"], subject="visitor-1", collection="lobby")'),
        Example('vultus.unknown_faces.ignore(["OTHER_ID"], collection="lobby")'),
        Example('vultus.unknown_faces.erase(["OTHER_ID"], collection="lobby")'),
        Example('vultus.unknown_faces.erase_all(collection="lobby")'),
    ),
)

PAGES = (RECOGNITION, GALLERIES, ADMINISTRATION, REVIEW)
