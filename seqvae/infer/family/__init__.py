"""Variants of a target: how they are written, and what they do to log p."""
