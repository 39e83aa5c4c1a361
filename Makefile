# Commands that take more than one line to remember.

PYTHON ?= python

VOICE ?= pretrained_models/Spark-TTS-mini
WHISPER ?= base
BUNDLES = build/benchmarks/voice

.PHONY: bench bench-quick bench-docs bench-speech

bench:  ## measure speed on this machine (at most 15 minutes once the material is made), then write the page
	$(PYTHON) -m benchmarks
	$(PYTHON) -m benchmarks.report

bench-quick:  ## does everything run? writes to build/, changes no document
	$(PYTHON) -m benchmarks --rounds 1 --allowance 0 --new-ids 10 --output build/benchmarks/quick.json

bench-docs:  ## write the figures of every page again from the committed results
	$(PYTHON) -m benchmarks.report

bench-speech:  ## let Whisper judge a trained voice, then write the pages; fails where a precision is outside its bounds
	rm -rf $(BUNDLES)
	$(PYTHON) -m benchmarks.precision $(VOICE) --bundles $(BUNDLES) --whisper $(WHISPER); precision=$$?; \
	$(PYTHON) -m benchmarks.intelligibility --model $(BUNDLES)/fp32 --whisper $(WHISPER) && \
	$(PYTHON) -m benchmarks.streaming $(BUNDLES)/int8 --whisper $(WHISPER) && \
	$(PYTHON) -m benchmarks.reference_windows --model $(BUNDLES)/int8 --whisper $(WHISPER) && \
	$(PYTHON) -m benchmarks.report && exit $$precision
