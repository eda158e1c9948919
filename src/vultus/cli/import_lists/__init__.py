"""Where `vultus import` learns who is on a photo when no sub-folder says it: a CSV, or the names of the files."""
