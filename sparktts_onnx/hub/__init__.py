"""Models by name: folders, and ids of the Hugging Face hub."""
