"""Published benchmarks: PMO's tasks, Ehrlich functions, TF-Bind-8."""
