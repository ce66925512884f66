# Every target brings what it needs: Python 3.11 to 3.13 and make are enough. Without make: python run.py --help
PYTHON ?= python3
BASE_PORT ?= 7070
FOLDER ?= .local
REGION ?= westeurope
CLAIMS ?= 1000
VOUCH = @$(PYTHON) run.py
WHERE = --folder $(FOLDER) --base-port $(BASE_PORT)

.DEFAULT_GOAL := help
.PHONY: help setup run dev demo test check bench package conformance clean

help:  ## What there is to make
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

setup:  ## Install everything that the local system needs
	$(VOUCH) setup

run:  ## Start the local system: four regions and their storage (BASE_PORT=7070)
	$(VOUCH) run $(WHERE)

dev:  ## Run one region in this terminal, with reload and breakpoints (REGION=westeurope)
	$(VOUCH) dev --region $(REGION) $(WHERE)

demo:  ## Replay claims of 1996 through the regions (CLAIMS=1000)
	$(VOUCH) demo --claims $(CLAIMS) $(WHERE)

test: setup  ## Run all tests
	$(VOUCH) -m pytest

check:  ## Check style, types and the direction of imports
	$(VOUCH) -m ruff check .
	$(VOUCH) -m ruff format --check .
	$(VOUCH) -m mypy
	$(VOUCH) -m pytest tests/contract/test_imports.py

bench: setup  ## Measure, beside other servers
	$(VOUCH) -m benchmarks

package:  ## Build the deployment zip
	$(VOUCH) -m local.package

conformance: setup  ## Run the app under Microsoft's worker library (needs Python 3.13)
	$(VOUCH) -m local.conformance --prepare
	$(VOUCH) -m pytest tests/conformance

clean:  ## Remove the environments, the local system's state and what was built
	rm -rf .venv .venv-* .local build .pytest_cache .mypy_cache .ruff_cache .hypothesis
