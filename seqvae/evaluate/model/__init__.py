"""Metrics of a trained model: reconstruction, bounds, diagnostics of the latent space, samples."""
