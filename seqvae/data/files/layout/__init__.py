"""How a table or a list of texts is laid out: told from its first lines and its titles."""
