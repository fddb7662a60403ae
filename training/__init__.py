"""Learning: splits, data sets, trainings, evaluations, and the gate before a version becomes active."""
