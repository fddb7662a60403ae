"""Readers: from files that people send to series of slices in Hounsfield units, or a verdict for each file."""
