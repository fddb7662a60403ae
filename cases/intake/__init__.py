"""Files on their way in: uploads, what is read from them, and masks that belong to images."""
