"""Alphabets, molecules and tokenizers. Nothing is imported here, so that each module costs only what it needs."""
