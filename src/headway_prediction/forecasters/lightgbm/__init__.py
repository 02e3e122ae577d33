"""LightGBM on features of each cell and the physics prior: the strongest baseline."""
