"""Subjects as callers see them: one or a page of many, with their counts and the face that shows them."""
