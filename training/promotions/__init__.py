"""The gate between a candidate and the version that segments, and the way back."""
