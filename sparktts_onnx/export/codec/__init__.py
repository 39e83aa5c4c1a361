"""Export of the codec and wav2vec2: reference modules, how they are lowered, traced and stored."""
