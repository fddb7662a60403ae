"""Trainings from any earlier version on a frozen data set."""
