"""The verbs of a search, with an objective that is computed or in a laboratory."""
