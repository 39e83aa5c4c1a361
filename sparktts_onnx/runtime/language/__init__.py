"""The language model: prompts in, legal tokens out."""
