"""What a piece of the user's code reaches, found in the sources of the project; nothing of it is run."""
