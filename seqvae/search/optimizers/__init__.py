"""The optimisers, and the operators that they share."""
