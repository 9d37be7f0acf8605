# Two commands matter: `make run` and `make test`. Both do all set-up; they need git, make and a Python 3.12.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || ($(PYTHON) -m uv --version >/dev/null 2>&1 && echo $(PYTHON) -m uv) || echo .uv/bin/uv)
ALL := --extra train --extra eight-bit --extra robot --extra viewer --extra ray

.PHONY: run test check bench wheel
.DEFAULT_GOAL := run

run: $(filter .uv/bin/uv,$(UV))  ## a short demonstration by words, in real time
	$(UV) run --no-dev python -m deploy.demo

test: $(filter .uv/bin/uv,$(UV))  ## every test
	$(UV) run $(ALL) python -m pytest -q

check: $(filter .uv/bin/uv,$(UV))  ## style, in seconds
	$(UV) run --no-sync ruff check .

bench: $(filter .uv/bin/uv,$(UV))  ## the benchmarks behind the README's table
	$(UV) run $(ALL) python -m pytest tests/bench -q -s --benchmark-enable --benchmark-only --benchmark-columns=min,median,max,rounds

wheel: $(filter .uv/bin/uv,$(UV))
	$(UV) build --wheel

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install -q uv
