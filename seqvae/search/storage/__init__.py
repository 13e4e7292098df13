"""A search on disk: its folder, its ledger, its state."""
