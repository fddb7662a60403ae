"""Which cases there are, who is to read them, and who has them open."""
