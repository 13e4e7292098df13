"""Files: opened plain or gzipped, read and written by extension, in chunks."""
