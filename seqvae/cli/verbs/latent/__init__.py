"""The verbs of the latent space: text to z and back, samples, paths, neighbours, edits."""
