"""Changes to a trained model before it is fine-tuned: low-rank adapters, a larger vocabulary."""
