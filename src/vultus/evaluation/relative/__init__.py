"""Scores relative to other faces: of pairs, in galleries, and the thresholds for them."""
