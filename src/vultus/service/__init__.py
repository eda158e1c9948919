"""What Vultus does, called the same way by HTTP, the command line and tests: knows no HTTP, no SQL, no settings."""

from vultus.service.enrolment import Enrolment
from vultus.service.galleries import Galleries
from vultus.service.parts import DEFAULT_COLLECTION, Models, Parts, Policy
from vultus.service.recognition import Recognition

__all__ = ["DEFAULT_COLLECTION", "FaceService", "Models", "Parts", "Policy"]


class FaceService(Enrolment, Recognition, Galleries):
    """Enroll, verify, find, represent, detect, forget."""
