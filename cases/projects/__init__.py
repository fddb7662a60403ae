"""Reading projects: several readers, how far they agree, and what is decided."""
