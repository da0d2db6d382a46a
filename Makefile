# The two commands of the README: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Tests of compiled functions that are quick enough as plain Python, which is how their lines are counted.
KERNEL_TESTS := tests/unit/kernels tests/unit/coordination tests/unit/synthesis/test_week.py \
  $(addprefix tests/unit/simulation/test_, routers.py assignment.py station_choice.py charging_day.py) \
  tests/verification/test_charging_kernel.py

COUNTING := --cov --cov-append --cov-report= --cov-fail-under=0
# What compiled code does silently, whole numbers running over in the drawing of tastes, plain NumPy warns of.
UNCOMPILED := -W 'ignore:overflow encountered:RuntimeWarning'

.PHONY: demo test coverage test-oldest forge lint docs package bench clean

demo: $(VENV)/installed
	$(BIN)/tidewatt demo --out results/demo

# COVERAGE=1 counts lines on the way.
test: $(VENV)/installed-dev lint
	$(BIN)/python -m pytest -n 2 $(if $(COVERAGE),$(COUNTING))

coverage:
	rm -f .coverage .coverage.*
	$(MAKE) test COVERAGE=1
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -n 2 $(COUNTING) $(UNCOMPILED) $(KERNEL_TESTS)
	$(BIN)/coverage report

# The tests with the lowest versions that pyproject.toml allows.
test-oldest: $(OLDEST)/installed
	$(OLDEST)/bin/python -m pytest -n 2 --ignore tests/golden/commands  # help is laid out otherwise there

# Every forgery of every kind of result; `make test` tries a twelfth of them.
forge: $(VENV)/installed-dev
	TIDEWATT_FORGE_EVERY=1 $(BIN)/python -m pytest -n 2 tests/verification/test_forgeries.py

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/installed-dev
	$(BIN)/mkdocs build --strict --site-dir site

# Wheel and sdist, installed into an environment of their own and tried.
package: $(VENV)/installed-dev
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python .ci/package.py dist

bench: $(VENV)/installed-dev
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[peers]'
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/installed

$(OLDEST)/installed: pyproject.toml .ci/oldest.py
	$(PYTHON) -m venv $(OLDEST)
	$(PYTHON) .ci/oldest.py pyproject.toml > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/pip install --quiet --constraint $(OLDEST)/constraints.txt --editable '.[test]'
	touch $@

clean:
	find src benchmarks tests -name '*.nb[ic]' -delete
	rm -rf $(VENV) $(OLDEST) results site dist
