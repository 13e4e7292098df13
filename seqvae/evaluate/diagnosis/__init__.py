"""Diagnosis of a trained model: what its latent space is worth, in metrics and one verdict."""
