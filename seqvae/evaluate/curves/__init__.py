"""The rate-distortion curve: of models trained at several KL weights, and of one decoder alone."""
