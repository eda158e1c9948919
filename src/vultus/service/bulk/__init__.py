"""Many photos of many people in one request: the archive or list that is sent, checked, and the job about it."""
