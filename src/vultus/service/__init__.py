"""What Vultus does, called the same way by HTTP, the command line and tests: knows no HTTP, no SQL, no settings."""

from vultus.service.comparison import Comparing
from vultus.service.enrolment import Enrolment
from vultus.service.galleries import Galleries
from vultus.service.parts import DEFAULT_COLLECTION, Models, Parts, Policy

__all__ = ["DEFAULT_COLLECTION", "FaceService", "Models", "Parts", "Policy"]


class FaceService(Enrolment, Comparing, Galleries):
    """Enroll, verify, find, represent, detect, compare, forget."""
