"""Learning: frozen data sets, augmentation, losses, and the training of a version."""
