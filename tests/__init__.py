"""The tests. Importing vultus first switches off what libraries would send home."""

import vultus  # noqa: F401
