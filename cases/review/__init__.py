"""The sign-off of a series, and its history."""
