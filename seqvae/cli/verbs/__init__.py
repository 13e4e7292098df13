"""One file per verb: it reads files, calls the library and writes files."""
