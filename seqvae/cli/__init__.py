"""The command line: verbs that read files, call the library and write files."""
