"""The map as a web application of this machine alone."""
