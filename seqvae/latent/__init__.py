"""The latent space: text to z and back, paths, vector arithmetic and neighbours in it."""
