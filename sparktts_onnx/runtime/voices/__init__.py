"""Who speaks: voices, styles, libraries of voices, enrollment."""
