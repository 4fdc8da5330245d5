# Start with one of these two:
#   make claims   a virtual environment in .venv, the pinned and tested set, then pytest claims/
#   make test     the same for pytest tests/
# ARGS="..." goes to pytest, PIP_ARGS="..." to pip, PYTHON=... names another interpreter.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PIP_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
INSTALL := $(PIP) -c constraints.txt $(PIP_ARGS)

CORE ?= $(VENV)-core

.PHONY: claims test core slow lint wheel bench pilots example site clean

claims: $(VENV)/.installed
	$(BIN)/python -m pytest claims/ $(ARGS)

test: $(VENV)/.installed
	$(BIN)/python -m pytest tests/ -m "not slow" $(ARGS)

# The library's core alone, in an environment of its own without torch, scikit-learn, JAX, xdist and statsmodels. Tests
# that need one of them are skipped and say so; the browser's tests run with the others.
core: $(CORE)/.installed
	$(CORE)/bin/python -m pytest tests/ -m "not slow" --ignore=tests/reports/test_in_browser.py -p no:cacheprovider $(ARGS)

# Real training and everything else that takes longer.
slow: $(VENV)/.installed
	$(BIN)/python -m pytest tests/ -m slow $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Wheel and sdist in dist/, checked, and used in a folder and an environment outside this clone.
wheel: $(VENV)/.installed-dev
	rm -rf dist
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python .ci/foreign.py dist/*.whl

# Times every way of training the claims' networks, side by side; writes benchmarks/latest.json.
bench: $(VENV)/.installed-jax
	$(BIN)/python -m pytest benchmarks/ -n0 $(ARGS)

# Measures pilot seeds, which judge nothing and help to choose the number of seeds; writes claims/pilots.json.
pilots: $(VENV)/.installed
	$(BIN)/python -m pytest claims/ --pilot $(ARGS)

# Makes the committed example from the finished run in reports/latest: page, results.json, and the README's picture.
example: $(VENV)/.installed
	$(BIN)/pytest-claims example reports/latest -o reports/example
	$(BIN)/python -m benchmarks.picture reports/example/index.html reports/example.png

# The claims and the documents as a site in website/build/html, which opens from files.
site: $(VENV)/.installed-site
	$(BIN)/python -m website.build

# The stamp file makes the second call quick. When the pinned set changes the stamp is older, and pip runs again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Atomic Claims needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true): install one and name it, as in 'make claims PYTHON=python3.11'." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv module is missing: install it (Debian and Ubuntu: apt-get install python3-venv) and try again." >&2; exit 1; }
	@echo "Making the environment $(VENV) (once; a few minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) -e '.[test]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(INSTALL) -e '.[test,dev]'
	@touch $@

$(VENV)/.installed-jax: $(VENV)/.installed
	@$(INSTALL) -e '.[test,jax]'
	@touch $@

$(VENV)/.installed-site: $(VENV)/.installed
	@$(INSTALL) -e '.[test,site]'
	@touch $@

$(CORE)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -m venv $(CORE)
	@$(CORE)/bin/python -m pip --disable-pip-version-check install --quiet -c constraints.txt $(PIP_ARGS) -e . hypothesis pytest-reportlog
	@touch $@

clean:
	rm -rf $(VENV) $(CORE) dist reports/latest website/build .pytest_cache .mypy_cache .ruff_cache
