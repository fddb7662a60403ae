"""Volumes: the axes and units that everything shares, the canonical file, and pictures of slices."""
