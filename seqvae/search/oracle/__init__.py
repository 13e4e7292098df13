"""The oracle: text to score, in killable workers, each call counted."""
