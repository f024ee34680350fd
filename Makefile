# Two commands: `make demo` trains the digits network end to end, `make test` runs every check.
# Both make their own environment in .venv; a stamp there remembers what is installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

# Most of a test's time is XLA's compilation. Its programs are kept beside the environment: those of
# the other worker, of children that a test starts and of the run before are read, the very same
# code. A file's name is a hash of the program, of XLA's version and flags; code for one processor
# may not run on another, so that each kind has a folder.
PROCESSOR := $(shell grep -m 1 ^flags /proc/cpuinfo 2>/dev/null | cksum | cut -d " " -f 1)
examples benchmarks unit: export JAX_COMPILATION_CACHE_DIR := $(CURDIR)/$(VENV)/xla/$(PROCESSOR)
examples benchmarks unit: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0
examples benchmarks unit: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES := -1

.PHONY: demo test lint examples benchmarks unit clean

demo: $(VENV)/.demo
	$(BIN)/python examples/02_digits.py

test: lint examples benchmarks unit

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

# Each example and each benchmark for a few steps, so that none of them can rot.
examples: $(VENV)/.test
	$(BIN)/python examples/01_classic_loop.py --compare --steps 10
	$(BIN)/python examples/02_digits.py --steps 3 --output $(VENV)/digits
	$(BIN)/python examples/03_text.py --steps 2 --samples 4

benchmarks: $(VENV)/.test
	$(BIN)/python -m benchmarks.run --iterations 1 --rounds 1 --output $(VENV)/benchmarks.json
	$(BIN)/python -m benchmarks.ops --iterations 1
	$(BIN)/python -m benchmarks.optimizers --iterations 1
	$(BIN)/python -m benchmarks.import_time --rounds 1
	$(BIN)/python -m benchmarks.memory --iterations 1
	$(BIN)/python -m benchmarks.checkpointing --layers 2
	$(BIN)/python -m benchmarks.long_run --iterations 200
	$(BIN)/python -m benchmarks.loader --iterations 1 --rounds 1
	$(BIN)/python -m benchmarks.lengths --iterations 3

# Last, so that pytest's closing line is the last one.
unit: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml
	$(PIP) --editable ".[examples]"
	touch $@

# PyTorch is what the tests compare with. It comes first and alone, so that nothing else picks its version.
$(VENV)/.test: $(VENV)/.made pyproject.toml
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[test,lint,examples]"
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache
