"""Graphs as files: how each is stored, its nodes and its weights."""
