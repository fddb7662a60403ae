"""People, institutions, and what each role may do."""
