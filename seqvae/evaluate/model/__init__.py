"""Metrics of a trained model: reconstruction, bounds, diagnostics of its latent space, samples."""
