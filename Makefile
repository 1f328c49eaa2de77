# make help lists what there is. Everything runs in .venv, which is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo check test test-all lab bench setup

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## train, evaluate, quantize, evaluate, predict, benchmark, deploy, on the embedded data
	$(BIN)/python -m poseutils run user_config.yaml

check: $(STAMP)  ## ruff, mypy, and the rule of imports: a minute
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_imports.py

# Two workers on two cores; on a larger machine four, as each needs a gigabyte.
# tests/conftest.py puts what takes longest first, and says which notebooks are quick.
PYTEST := $(BIN)/python -m pytest -q -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
    --nbval --nbval-current-env --nbval-sanitize-with tests/notebooks/nbval.cfg
# Otherwise every process that the tests start would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

test: $(STAMP)  ## all but the slow tests, and the quick notebooks: five minutes
	$(PYTEST) -m "not slow" tests notebooks

test-all: test  ## the slow tests and the other notebooks, too: half an hour
	$(PYTEST) -m slow tests notebooks

lab: $(STAMP)  ## open JupyterLab at the repository, on the index notebook
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/index.ipynb

bench: $(STAMP)  ## ratios beside the bare libraries, into tests/bench/results.md: twelve minutes
	$(BIN)/python -m tests.bench

setup: $(STAMP)  ## make .venv and install requirements.txt

# Made again when the requirements change; an interrupted installation leaves no stamp and is done again.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else f"Python {v[0]}.{v[1]} found; 3.10 to 3.13 needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --editable .
	@touch $@
