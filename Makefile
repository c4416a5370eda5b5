# Every target does its own set-up; a fresh checkout needs nothing but Python 3.11 or later and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SHARED ?= ../shared
TESTS = $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: setup demo test long check bench portability extremes docs tutorial clean

setup: $(VENV)/.dev

# What a user installs: no torch. The demo needs nothing else.
$(VENV)/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

# What a developer installs. torch comes first and alone, at the version that is pinned.
$(VENV)/.dev: $(VENV)/.base
	$(PIP) torch
	$(PIP) --editable '.[dev,docs,train,ray,formats,heif,station]'
	touch $@

demo: $(VENV)/.base
	$(BIN)/python tools/demo.py --output demo

test: setup
	$(TESTS) -m "not long"

# Those that take minutes by themselves.
long: setup
	$(TESTS) -m long

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# All that is said of speed, and the tables of it, in an hour and a half; anomalib gets an environment
# of 6.5 GB of its own.
bench: setup
	for part in run stages limits precision peer; do \
		$(BIN)/python benchmarks/$$part.py --shared $(SHARED) || exit 1; \
	done
	$(BIN)/python benchmarks/table.py

# A model of each kind in every runtime (Node and Chromium where they are installed), and the table of it.
portability: setup
	$(BIN)/python tools/portability/run.py
	$(BIN)/python benchmarks/table.py

# The same in the lowest and the newest ONNX Runtime alone, an environment each; what CI runs.
extremes: setup
	$(BIN)/python tools/portability/run.py --extremes

# The pages, with the last full run of the tutorial or, where there is none, one of reduced size.
docs: setup
	$(BIN)/python tools/docs/build.py

# The tutorial in full, less than half an hour on two cores; BLEMISH_DATA names other images.
tutorial: setup
	$(BIN)/python tools/docs/run_tutorial.py
	$(BIN)/python tools/docs/build.py

clean:
	rm -rf $(VENV) demo build dist
