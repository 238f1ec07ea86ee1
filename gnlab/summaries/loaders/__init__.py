"""Loaders: several batches, gone through and combined with the weights that the loss gives them."""
