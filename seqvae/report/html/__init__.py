"""The building blocks of pages: style, structures, sequences, plots."""
