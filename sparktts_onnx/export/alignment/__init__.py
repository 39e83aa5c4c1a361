"""Finding the language model's attention heads that follow the text while it is spoken."""
