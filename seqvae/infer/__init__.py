"""What a probability model is for: missing parts, likelihoods, and lossless coding."""
