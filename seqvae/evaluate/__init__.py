"""Figures of a model on texts it has not seen: reconstruction, bounds, samples, diagnostics."""
