"""What the calls return: frozen dataclasses with the names of the JSON answers, which `raw` has whole."""
