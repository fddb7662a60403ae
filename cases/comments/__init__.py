"""What people say to each other about a series, and what each is told."""
