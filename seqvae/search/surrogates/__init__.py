"""Models of the score, and what they choose."""
