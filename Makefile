# Commands that take more than one line to remember.

PYTHON ?= python

VOICE ?= pretrained_models/Spark-TTS-mini
WHISPER ?= base

.PHONY: bench bench-quick bench-docs bench-speech

bench:  ## measure speed on this machine (at most 15 minutes once the material is made), then write the page
	$(PYTHON) -m benchmarks
	$(PYTHON) -m benchmarks.report

bench-quick:  ## does everything run? writes to build/, changes no document
	$(PYTHON) -m benchmarks --rounds 1 --allowance 0 --new-ids 10 --output build/benchmarks/quick.json

bench-docs:  ## write the figures of every page again from the committed results
	$(PYTHON) -m benchmarks.report

bench-speech:  ## let Whisper judge a trained voice, then write the pages; fails where a precision is outside its bounds
	rm -rf build/benchmarks/voice
	$(PYTHON) -m benchmarks.speech $(VOICE) --whisper $(WHISPER); found=$$?; \
	$(PYTHON) -m benchmarks.report && exit $$found
