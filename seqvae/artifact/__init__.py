"""A trained model on disk, as JSON and safetensors with a version, never pickled; pretrained models by name."""
