"""Export of the language model, written operator by operator."""
