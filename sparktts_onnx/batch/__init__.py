"""Batches: lines in, results noted; for the command line and the cluster alike."""
