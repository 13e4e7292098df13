"""The VAE and its parts: encoders, decoders, posteriors, priors, the objective, and generation token by token."""
