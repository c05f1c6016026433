"""Detectors find: what, where, how sure, why. They know nothing of law or of actions."""
