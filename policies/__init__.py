"""Policies judge: rules as data, each with its legal basis, and one pure function."""
