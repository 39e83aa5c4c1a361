"""From a request to speech: plans, attempts, sound."""
