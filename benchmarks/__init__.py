"""Measurements of this software against the original in PyTorch, llama.cpp, and what the machine can do."""
