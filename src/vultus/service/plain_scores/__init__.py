"""Scores without a decision, for protocols whose clients decide."""
