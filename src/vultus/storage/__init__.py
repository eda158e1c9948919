"""The database and the stored photos. An embedding here is only a float32 array."""
