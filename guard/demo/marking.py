"""Stages 4 and 5."""
