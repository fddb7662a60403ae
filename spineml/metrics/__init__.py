"""Metrics: overlap, surface distances, confidence intervals, and what is concluded from them."""
