"""Pairs of images and masks: which mask belongs to which image, by names or by a table."""
