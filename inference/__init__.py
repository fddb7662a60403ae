"""Segmentation: runs of a model version on a series, their masks, and how masks compare."""
