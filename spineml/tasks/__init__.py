"""Tasks: which structures a mask names, with their values, colours and codes, and how foreign label maps fit them."""
