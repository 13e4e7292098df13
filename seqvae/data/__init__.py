"""The path of texts from their sources to a model: readers, datasets, splits, audit, token store, batches."""
