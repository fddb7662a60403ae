"""The network: its specification, file, weights, and prediction on a CPU or a GPU."""
