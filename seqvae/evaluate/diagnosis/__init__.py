"""Diagnosis of a trained model: what its latent space is worth, in figures and one verdict."""
