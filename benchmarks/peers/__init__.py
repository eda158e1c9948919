"""Other face recognition libraries beside Vultus: each in an environment of its own, in one run, taking turns."""
