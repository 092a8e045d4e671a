# make demo    a photo answers a spoken question: all set-up, then an MP4 in out/
# make serve   the application, until Ctrl-C         make test    all tests, with their own set-up
# make lint    style and types                       make weights the models of the CPU profile
# Every target sets up what it needs. Once that is done, nothing is downloaded and no network is asked.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The first of these that is at least 3.11; the pinned versions were tested on 3.11. Or: make setup PYTHON=/path/to/python
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
# What an installation depends on. Its fingerprint, not a file's time, decides whether it is still the right one.
FINGERPRINT := $(shell cat pyproject.toml constraints.txt | cksum | tr ' ' '-')
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
CONSTRAINED := $(PIP) install --constraint constraints.txt

.PHONY: help setup setup-test weights demo serve test lint clean

help:
	@sed -n '1,4s/^# //p' Makefile

setup: $(VENV)/installed-$(FINGERPRINT)

setup-test: $(VENV)/tested-$(FINGERPRINT)

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Install it, or name it: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@echo "[setup] environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "[setup] $(PYTHON) cannot make environments. On Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/installed-$(FINGERPRINT): | $(BIN)/pip
	@echo "[setup] packages of the CPU profile: one to three minutes, 1.6 GB on disk"
	@if command -v espeak-ng >/dev/null; then extra=; else extra='[espeak]'; \
		echo "[setup] no espeak-ng program found: adding espeakng-loader (GPL-3), which runs in a process of its own"; fi; \
		$(CONSTRAINED) --editable ".$$extra"
	@rm -f $(VENV)/installed-* && touch $@

$(VENV)/tested-$(FINGERPRINT): | $(VENV)/installed-$(FINGERPRINT)
	@echo "[setup] packages for tests and checks; torch and TensorRT-RTX among them, which the GPU's engines are tested with"
	@$(CONSTRAINED) --quiet --editable '.[test,engines,rtx,plots]'
	@rm -f $(VENV)/tested-* && touch $@

weights: setup
	@$(BIN)/avatar models pull

demo: setup
	@$(BIN)/avatar demo

serve: weights
	@$(BIN)/avatar serve

test: setup-test
	@$(BIN)/avatar models pull || echo "[test] the weights could not be fetched: tests that need them will be SKIPPED"
	@status=0; \
	$(BIN)/python -m pytest tests/plain tests/contract tests/door --numprocesses 2 --dist loadfile || status=1; \
	echo "[test] clusters and the browser, one after the other"; \
	$(BIN)/python -m pytest tests/serve tests/browser || status=1; exit $$status

lint: setup-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict serve_app deployments

clean:
	rm -rf build out *.egg-info .pytest_cache .mypy_cache .ruff_cache
