"""What Vultus does, called the same way by HTTP, the command line and tests: knows no HTTP, no SQL, no settings."""

from vultus.identifiers import DEFAULT_COLLECTION
from vultus.service.comparison import Comparing
from vultus.service.context import Models, Parts, Policy
from vultus.service.enrolment import Enrolment
from vultus.service.galleries import Galleries

__all__ = ["DEFAULT_COLLECTION", "FaceService", "Models", "Parts", "Policy"]


class FaceService(Enrolment, Comparing, Galleries):
    """Enroll, verify, find, represent, detect, compare, forget."""
