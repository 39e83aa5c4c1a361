# Commands that take more than one line to remember.

PYTHON ?= python

.PHONY: bench bench-quick bench-docs

bench:  ## measure speed on this machine (at most 15 minutes once the material is made), then write the page
	$(PYTHON) -m benchmarks
	$(PYTHON) -m benchmarks.report

bench-quick:  ## does everything run? writes to build/, changes no document
	$(PYTHON) -m benchmarks --rounds 1 --allowance 0 --new-ids 10 --output build/benchmarks/quick.json

bench-docs:  ## write the figures of every page again from the committed results
	$(PYTHON) -m benchmarks.report
