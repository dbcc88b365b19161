# Everything a person or a machine does with this repository. `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help setup lint test demo up faults bench browser postgres redis mlflow torch clean
SHELL := /bin/bash
PYTHON ?= python3
UV := .uv/bin/uv
BIN := .venv/bin
# Compiled bytecode makes the first import of scikit-learn three times faster.
export UV_COMPILE_BYTECODE := 1

help:  ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "trimaran needs Python 3.11 or newer; name one: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

.venv/ready: pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen --python $(PYTHON)
	@touch $@

setup: .venv/ready  ## make the environment .venv from the locked dependencies

lint: setup  ## ruff, mypy, import-linter, the shape of the tree
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q -n 0 tests/test_shape.py

browser:
	@tools/browser.sh

postgres:
	@tools/postgres.sh

redis:
	@tools/redis.sh

mlflow: setup  ## an environment of MLflow's own, which the tests exchange models with
	@tools/mlflow.sh

torch: setup  ## an environment with PyTorch and Keras, whose modules the tests adopt and whose losses they log
	@tools/torch.sh

test: lint browser postgres redis mlflow torch  ## lint, then every test
	$(BIN)/pytest -n 2 --dist loadfile $(PYTEST)

demo: setup  ## a year of flights through the whole loop; leaves demo/report.html, story.md, summary.json
	$(BIN)/python examples/flights/demo.py --out demo

up: setup  ## server and dashboard on the demo's workspace
	$(BIN)/trimaran up --workspace demo/workspace

faults: setup  ## the long form: kills at 2,000 system calls, power cuts, failing and full disks; a table of what was lost
	TRIMARAN_FAULTS=long $(BIN)/pytest tests/faults -v -n 2 --dist worksteal -o faulthandler_timeout=7200
	TRIMARAN_FAULT_KILLS=40 $(BIN)/pytest tests/rehearsal -k killed -s

bench: setup  ## what is claimed about speed, measured here beside floors
	$(BIN)/python benchmarks/run.py

clean:  ## remove what the targets above made
	rm -rf .venv .uv .mlflow .torch demo dist build .mypy_cache .ruff_cache .hypothesis .import_linter_cache
