"""What Vultus does, called the same way by HTTP, the command line and tests: knows no HTTP, no SQL, no settings."""

from __future__ import annotations

from dataclasses import replace

from vultus.service.bulk.bulk_requests import BulkRequests
from vultus.service.comparison import VectorComparison
from vultus.service.context import Model, Models, Policy, ServiceContext
from vultus.service.corrections import SubjectCorrections
from vultus.service.enrolment import Enrolment
from vultus.service.galleries import Galleries
from vultus.service.identification import GallerySearch
from vultus.service.loose_faces.described import FaceDescriptions
from vultus.service.loose_faces.face_groups import FaceGroups
from vultus.service.loose_faces.face_lists import FaceLists
from vultus.service.loose_faces.indexing import FaceIndexing
from vultus.service.plain_scores.photo_scores import PhotoScores
from vultus.service.recognition import Recognition
from vultus.service.reembedding import ReembeddingRequests
from vultus.service.review.duplicates import Duplicates
from vultus.service.review.unknown_faces import UnknownFaces
from vultus.storage.audit import Act

__all__ = ["FaceService", "Model", "Models", "Policy", "ServiceContext"]


class FaceService:
    """The use cases, by what they are about; each part works on the same context."""

    def __init__(self, context: ServiceContext) -> None:
        self.context = context
        self.enrolment = Enrolment(context)
        self.recognition = Recognition(context)
        self.identification = GallerySearch(context)
        self.comparison = VectorComparison(context)
        self.photo_scores = PhotoScores(context)
        self.galleries = Galleries(context)
        self.corrections = SubjectCorrections(context)
        self.descriptions = FaceDescriptions(context)
        self.indexing = FaceIndexing(context)
        self.face_lists = FaceLists(context)
        self.face_groups = FaceGroups(context)
        self.bulk = BulkRequests(context)
        self.jobs = context.gallery.jobs
        self.reembedding = ReembeddingRequests(context)
        self.duplicates = Duplicates(context)
        self.unknown_faces = UnknownFaces(context)

    def acting_as(self, act: Act) -> FaceService:
        """The same service on behalf of an actor: each change has its audit line, in the same transaction."""
        return FaceService(replace(self.context, gallery=self.context.gallery.acting_as(act), act=act))
