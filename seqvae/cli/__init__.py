"""The command line: verbs that read files, call the library and write files."""

# Stands for a lone dash while the command line is parsed. Here, because `seqvae --help` need not import the settings.
STDIO = "<stdio>"
