"""``python -m spineml``: what the platform does with one CT, in a shell or a notebook."""
