"""Model versions: HDF5 files with a spec of their own, kept as rows, at most one active per task."""
