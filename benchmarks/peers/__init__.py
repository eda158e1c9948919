"""Vultus compared with other face recognition libraries: each in an environment of its own, in one run, in turns."""
