"""Does a mask fit its images? What is suspected, and who said that it is right."""
