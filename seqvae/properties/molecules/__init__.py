"""Properties of molecules: descriptors, similarity, substructures, alerts, synthetic accessibility."""
