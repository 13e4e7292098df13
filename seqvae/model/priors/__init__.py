"""Priors p(z)."""
