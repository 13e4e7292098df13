"""One file for each verb: it reads files, calls the library and writes files."""
