"""Model versions: HDF5 files with a spec of their own, kept as rows; whose they are, and which one is active where."""
