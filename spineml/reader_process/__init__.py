"""What a confined reader process runs: the readers, called with plain data and files."""
