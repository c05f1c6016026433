# Five words: demo setup test check bench (and soak, for long runs). Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LINKS := guard/policies guard/detectors guard/watermark
# A plain path file: static tools and running programs then see the same tree.
EDITABLE := --config-settings editable_mode=compat

.PHONY: help demo setup test check bench soak
help:
	@echo "make demo   set up the light core and run the whole pipeline on bundled input"
	@echo "make setup  everything the tests need, into $(VENV)"
	@echo "make test   all tests (CI runs this)"
	@echo "make check  lint, format and types (CI runs this)"
	@echo "make bench  benchmarks with the peers beside us, in an environment of their own"
	@echo "make soak   long fuzz and endurance runs"

demo: $(VENV)/core.stamp
	$(BIN)/guard demo --out demo-out

setup: $(VENV)/dev.stamp

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not soak"

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/guard policy lint

bench: $(VENV)/dev.stamp
	bench/run.sh

soak: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 -m soak

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Links for editors, mypy and ruff only; running code does not need them (docs/decisions/0001).
$(LINKS):
	ln -sfn ../$(notdir $@) $@

$(VENV)/core.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python $(LINKS)
	$(PIP) install -c constraints.txt -e . $(EDITABLE)
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python $(LINKS)
	$(PIP) install -c constraints.txt -e ".[dev,image,models,server]" $(EDITABLE)
	@touch $@ $(VENV)/core.stamp
