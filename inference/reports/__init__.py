"""Reports of a series or of a whole case: asked for, written by a worker, shown and printed."""
