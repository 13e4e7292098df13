"""Metrics of molecules: MOSES, GuacaMol, FCD, fragments, filters, similarity."""
