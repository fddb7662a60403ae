"""Reports and plots as PDF or PNG."""
