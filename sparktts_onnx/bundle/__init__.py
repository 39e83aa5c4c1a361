"""The bundle: the folder of graphs that the exporter writes and any runtime reads."""
