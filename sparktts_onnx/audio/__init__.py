"""Sound: reading recordings, judging them, and joining, stretching, encoding, writing and playing speech."""
