"""The nouns of Vultus as frozen dataclasses: the folder to read first."""
