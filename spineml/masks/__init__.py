"""Masks: read, compared with a grid, edited, checked, combined and exported."""
