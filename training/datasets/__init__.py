"""Choosing approved masks for a data set, checking their labels, and freezing it."""
