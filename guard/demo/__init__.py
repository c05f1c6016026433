"""Bundled demonstration: material, pictures, the run and its report."""
