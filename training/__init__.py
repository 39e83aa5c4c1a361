"""Training of Spark-TTS-mini: a small Spark-TTS of our own, from texts and speech that we make ourselves."""
