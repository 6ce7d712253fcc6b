# The whole interface of a contributor. `make demo` and `make test` need Python 3.11+ and make only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types contracts unit format bench simulate docs test-slow chaos clean

demo: $(VENV)/.installed ## the main job on a simulated shop
	$(BIN)/relance demo

test: lint types contracts unit ## everything that must hold before a commit lands

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports --cache-dir .import_linter_cache

unit: $(VENV)/.installed-dev
	$(BIN)/pytest -n 2 --dist loadgroup

test-slow: $(VENV)/.installed-dev ## the minutes-long tests
	$(BIN)/pytest -m slow --ignore=tests/chaos

chaos: $(VENV)/.installed-dev ## kills and faults by the hundred; writes the table in docs/chaos.md
	PYTHONPATH=tests $(BIN)/python -m chaos.table

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## the budgets, side by side; writes benchmarks/results.md
	$(BIN)/python -m benchmarks

simulate: $(VENV)/.installed-dev ## the method's promises, tried out; writes the table in docs/measurement.md
	$(BIN)/python -m simulations

docs: $(VENV)/.installed-dev ## regenerate the JSON Schemas and the references
	$(BIN)/relance schema --write schemas --reference docs/yaml.md --cli docs/cli.md

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
