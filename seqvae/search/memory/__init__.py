"""What a search remembers: scored designs, latent points, earlier proposals."""
