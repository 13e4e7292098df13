"""Inference of a posterior beyond the encoder: gradient steps on its own parameters."""
