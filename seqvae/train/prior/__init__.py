"""The density fitted to the aggregate posterior after training."""
