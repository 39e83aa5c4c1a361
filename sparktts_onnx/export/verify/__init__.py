"""Does every graph agree with the PyTorch model?"""
