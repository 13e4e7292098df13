"""What pages are made of: style, structures, sequences, plots."""
