"""Token ids on disk and in batches: split into symbols, packed, stored, batched, one-hot."""
