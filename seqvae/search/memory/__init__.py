"""What a search remembers: scored designs, latent points, what was proposed before."""
