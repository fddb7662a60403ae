"""Which patients train, which decide when a training is best, and which judge."""
