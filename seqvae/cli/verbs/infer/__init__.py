"""The verbs of inference: how likely, what is missing, and coding without loss."""
