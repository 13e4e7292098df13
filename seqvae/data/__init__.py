"""Where texts come from and how they reach a model: sources, readers, splits, audit, token store, batches."""
