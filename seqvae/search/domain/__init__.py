"""What differs between molecules and sequences in a search: reading, moves, constraints."""
