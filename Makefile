# Two commands matter: `make run` and `make test`. Both do all set-up; they need git, make and a Python 3.12.
# ARGS goes on to pytest: make test ARGS="tests/arbiter -x"
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || ($(PYTHON) -m uv --version >/dev/null 2>&1 && echo $(PYTHON) -m uv) || echo .uv/bin/uv)
ALL := --extra train --extra eight-bit --extra robot --extra viewer --extra ray
CORE := -m pytest -q -m "core and not slow"

# What torch, OpenBLAS, oneDNN, MKL, numpy and the C library are told to do without.
PLAIN := ATEN_CPU_CAPABILITY=default OPENBLAS_CORETYPE=Prescott ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE \
  GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F \
  NPY_DISABLE_CPU_FEATURES="AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"

.PHONY: run test test-core test-newest test-lowest test-processor check types benchmarks bench wheel
.DEFAULT_GOAL := run

run: $(filter .uv/bin/uv,$(UV))  ## a short demonstration by words, in real time
	$(UV) run --no-dev python -m deploy.demo

test: $(filter .uv/bin/uv,$(UV))  ## every test
	$(UV) run $(ALL) python -m pytest -q $(ARGS)

test-core: $(filter .uv/bin/uv,$(UV))  ## what needs no extra, in a few minutes, on an environment of its own
	UV_PROJECT_ENVIRONMENT=.venvs/core $(UV) run --no-default-groups --group test python $(CORE) $(ARGS)

test-processor: $(filter .uv/bin/uv,$(UV))  ## the same as on another processor: see tests/processors.py
	$(PLAIN) UV_PROJECT_ENVIRONMENT=.venvs/core $(UV) run --no-default-groups --group test python $(CORE) -p tests.processors $(ARGS)

test-newest: RESOLUTION := highest
test-lowest: RESOLUTION := lowest-direct
test-newest test-lowest: $(filter .uv/bin/uv,$(UV))  ## the same with the newest and with the lowest versions that pyproject.toml allows
	$(UV) venv -q --clear --python 3.12 .venvs/$@
	$(UV) pip install -q --python .venvs/$@/bin/python --resolution $(RESOLUTION) --upgrade -e . --group test
	$(UV) pip list --python .venvs/$@/bin/python
	.venvs/$@/bin/python $(CORE) $(ARGS)

check: types  ## style and types
	UV_PROJECT_ENVIRONMENT=.venvs/check $(UV) run --only-group style ruff check .
	UV_PROJECT_ENVIRONMENT=.venvs/check $(UV) run --only-group style ruff format --check .

types: $(filter .uv/bin/uv,$(UV))  ## the type checker, which needs every extra to know its types
	$(UV) run $(ALL) ty check

benchmarks bench: $(filter .uv/bin/uv,$(UV))  ## the benchmarks behind the README's table
	$(UV) run $(ALL) python -m pytest tests/benchmarks -q -s --benchmark-enable --benchmark-only --benchmark-columns=min,median,max,rounds

wheel: $(filter .uv/bin/uv,$(UV))
	$(UV) build --wheel

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install -q uv
