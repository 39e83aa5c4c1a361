# Commands that take more than one line to remember.

PYTHON ?= python

.PHONY: bench bench-quick bench-docs

bench:  ## measure everything on this machine (about 20 minutes after the material is made), then write the page
	$(PYTHON) -m benchmarks --allowance 100
	$(PYTHON) -m benchmarks.report

bench-quick:  ## does everything run? writes to build/, changes no document
	$(PYTHON) -m benchmarks --quick --output build/benchmarks/quick.json

bench-docs:  ## write the page and the plot again from the committed results
	$(PYTHON) -m benchmarks.report
