# Two commands matter: `make run` and `make test`. Both do all set-up; they need git, make and a Python 3.12.
# ARGS goes on to pytest: make test ARGS="tests/unit -x"
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || ($(PYTHON) -m uv --version >/dev/null 2>&1 && echo $(PYTHON) -m uv) || echo .uv/bin/uv)
ALL := --extra train --extra eight-bit --extra robot --extra viewer --extra ray
CORE := -m pytest -q -m "core and not slow"

.PHONY: run test test-core test-newest test-lowest check bench wheel
.DEFAULT_GOAL := run

run: $(filter .uv/bin/uv,$(UV))  ## a short demonstration by words, in real time
	$(UV) run --no-dev python -m deploy.demo

test: $(filter .uv/bin/uv,$(UV))  ## every test
	$(UV) run $(ALL) python -m pytest -q $(ARGS)

test-core: $(filter .uv/bin/uv,$(UV))  ## what needs no extra, in a few minutes, on an environment of its own
	UV_PROJECT_ENVIRONMENT=.venvs/core $(UV) run --no-default-groups --group test python $(CORE) $(ARGS)

test-newest: RESOLUTION := highest
test-lowest: RESOLUTION := lowest-direct
test-newest test-lowest: $(filter .uv/bin/uv,$(UV))  ## the same with the newest and with the lowest versions that pyproject.toml allows
	$(UV) venv -q --clear --python 3.12 .venvs/$@
	$(UV) pip install -q --python .venvs/$@/bin/python --resolution $(RESOLUTION) --upgrade -e . --group test
	$(UV) pip list --python .venvs/$@/bin/python
	.venvs/$@/bin/python $(CORE) $(ARGS)

check: $(filter .uv/bin/uv,$(UV))  ## style, in seconds
	$(UV) run --no-sync ruff check .

bench: $(filter .uv/bin/uv,$(UV))  ## the benchmarks behind the README's table
	$(UV) run $(ALL) python -m pytest tests/bench -q -s --benchmark-enable --benchmark-only --benchmark-columns=min,median,max,rounds

wheel: $(filter .uv/bin/uv,$(UV))
	$(UV) build --wheel

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install -q uv
