"""Programs that build, check and set up the project; nothing that the platform runs imports them."""
