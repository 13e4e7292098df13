"""Search of the latent space for better designs."""
