"""Checkpoints of the published layout with random weights, at any size."""
