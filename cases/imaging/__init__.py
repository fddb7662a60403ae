"""Pixels on their way out: slices for the viewers, masks as files."""
