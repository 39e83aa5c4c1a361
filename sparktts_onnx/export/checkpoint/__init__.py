"""Reading a checkpoint: its folders, configs, tensors, tokenizer and license."""
