"""The Lightning shell around the objective, its checkpoints, and `fit.train`."""
