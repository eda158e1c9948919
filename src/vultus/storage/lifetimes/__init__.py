"""How long subjects are kept, and how they are erased; and all that is held on one."""
