# Every target sets up what it needs: a fresh machine with Python 3.11 or newer and make is enough.
# A distribution builds its Python with profile-guided optimisation, pyenv does not: a fifth of the time of a test run.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && \
  echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LIVE := tests/drills tests/report_prober  # where all live tests are (tests/conftest.py sees to it)

.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # compiled once, not by each of the many processes of a test run
.PHONY: help demo test check bench sandbox golden deflake changes properties mutants clean

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml app/requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..." && { $(BIN)/python -m pip install -q --disable-pip-version-check uv && \
	  $(BIN)/uv pip install -q --python $(BIN)/python -e '.[dev]'; } > $(VENV)/install.log 2>&1 || \
	  $(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]' 2> $(VENV)/install.log || \
	  { cat $(VENV)/install.log; exit 1; }  # uv is five times as fast; where it finds no way out, pip may
	@touch $@

demo: $(READY) ## the main job, from nothing, under load, in the sandbox; report in out/
	$(BIN)/python -m controller.rehearsal.demo

test: $(READY) ## everything: check, then every test, the live sandbox included
	THESEUS_HISTORIES=$${THESEUS_HISTORIES:-50} $(MAKE) --no-print-directory check  # more of them follow
	@echo "whole stacks on the moved clock, in the background; the live sandbox beside them"
	@THESEUS_HISTORIES=1500 THESEUS_SEED=500 nice -n 10 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'simulated or histories' --durations=25 \
	    > $(VENV)/simulated.log 2>&1 & simulated=$$!; \
	  $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m sandbox --durations=12 $(LIVE); live=$$?; \
	  wait $$simulated; simulated=$$?; cat $(VENV)/simulated.log; exit $$((live || simulated))

check: $(READY) ## format, lint, types, fast tests: under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(BIN)/mypy > $(VENV)/mypy.log 2>&1 & types=$$!; \
	  THESEUS_HISTORIES=$${THESEUS_HISTORIES:-200} $(BIN)/python -m pytest -n 2 -m 'not sandbox and not simulated'; \
	  tests=$$?; wait $$types; types=$$?; cat $(VENV)/mypy.log; exit $$((tests || types))

bench: $(READY) ## a cold no-op plan and an apply from nothing, beside terraform where it is installed
	$(BIN)/python -m tests.bench

sandbox: $(READY) ## a local AWS with a real data plane, until interrupted
	$(BIN)/python -m controller sandbox

golden: $(READY) ## rewrite the expected output of golden tests; read the diff
	GOLDEN=write $(BIN)/python -m pytest -q -k golden

deflake: $(READY) ## the sandbox tests until one fails
	while $(BIN)/python -m pytest -x -m sandbox $(LIVE); do :; done

changes: $(READY) ## every kind of change under load, a row each, in out/changes.json (twenty minutes)
	$(BIN)/python -m controller.rehearsal.every_change

properties: $(READY) ## 500 specs at random, and each after another; THESEUS_SEED chooses them (ten minutes)
	@seed=$${THESEUS_SEED:-$$(date +%s)}; echo "THESEUS_SEED=$$seed"; \
	  THESEUS_PROPERTIES=500 THESEUS_SEED=$$seed $(BIN)/python -m pytest -n 2 --dist loadfile tests/properties

mutants: $(READY) ## the rollout rules taken out one by one in the live sandbox: the harm must show (twenty minutes)
	$(BIN)/python -m tests.drills.mutants

clean: ## remove what was built, not what you wrote
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
