# The project's commands. Needs GNU make and Python 3.11, nothing else: `make PYTHON=/path/to/python3.11` when it is not on the path.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
export SPINE_VENV ?= $(CURDIR)/.venv
BIN := $(SPINE_VENV)/bin
DEMO_ARGS ?=
RUN_ARGS ?=
BENCH_ARGS ?=
FUZZ_ARGS ?= --count 10000
MODEL_DATA ?= ../shared/data
PYTEST_ARGS ?=
# Side by side, a process for each core (ADR 25); PYTEST_ARGS="-n 0 ..." runs in one process.
SIDE_BY_SIDE := -n auto --dist worksteal
QUICK := "not browser and not tensorflow and not worker and not services"
COVERAGE := --cov --cov-report=term:skip-covered
CORES := $(shell nproc 2>/dev/null || echo 2)
# The longest first.
CHECKS := check-types check-deploy check-migrations check-packages check-lint check-imports check-templates check-files
# What is put into the middle of a line ends without a line break, which the formatter would add.
TEMPLATES := $(filter-out templates/components/icon.html templates/components/status.html templates/django/forms/widgets/input.html, \
	$(shell find templates -name "*.html"))
# What production would set; `check --deploy` is run with it. Nothing listens at these addresses and nothing has to.
PRODUCTION_LIKE := SPINE_PRODUCTION=1 SPINE_DEBUG=0 SPINE_ALLOWED_HOSTS=spine.example.org \
	SPINE_TRUSTED_ORIGINS=https://spine.example.org \
	SPINE_SECRET_KEY=only-for-this-check-tM7vQ2xK9pLr4WzB8nHcYd3JfGs6AeUu \
	SPINE_EMAIL_URL=smtp://mail.example.org:25 \
	DATABASE_URL=postgres://spine@127.0.0.1:1/spine VALKEY_URL=redis://127.0.0.1:1/0

.DEFAULT_GOAL := help
.PHONY: messages help demo run worker test test-fast coverage check format frontend default-model bench fuzz gpu clean environment test-environment $(CHECKS)

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: environment  ## everything on this machine, with a real CT; DEMO_ARGS=--once to stop after it
	@$(BIN)/python manage.py demo $(DEMO_ARGS)

run: environment  ## web, workers and beat (with embedded PostgreSQL and Valkey unless DATABASE_URL and VALKEY_URL are set)
	@$(BIN)/python -m spineplatform.processes run $(RUN_ARGS)

worker: environment  ## one more worker of each queue on this machine
	@$(BIN)/python -m spineplatform.processes worker $(RUN_ARGS)

test: test-environment  ## all tests: real PostgreSQL, Valkey, worker and browser; PYTEST_ARGS passes through
	@$(PYTHON) scripts/set_up.py browser
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(PYTEST_ARGS)

test-fast: test-environment  ## under two minutes: no browser, TensorFlow, worker, nor services started over and over
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m $(QUICK) $(PYTEST_ARGS)

coverage: test-environment  ## which lines the tests of test-fast run, by package; PYTEST_ARGS="tests/cases" for a part
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m $(QUICK) $(COVERAGE) $(PYTEST_ARGS)

check: test-environment  ## lint and format (Python, templates, JavaScript), types, import order, migrations, deployment settings, vendored files: side by side
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=$(CORES) $(CHECKS)

check-types:
	$(BIN)/mypy

check-lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-templates:
	@$(BIN)/djade --check --target-version 5.2 $(TEMPLATES)
	$(BIN)/djlint --lint --quiet templates

check-imports:
	$(BIN)/lint-imports --no-logo

check-packages:
	$(BIN)/python -m pip check

check-migrations:
	$(PRODUCTION_LIKE) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

check-deploy:
	$(PRODUCTION_LIKE) $(BIN)/python manage.py check --deploy --fail-level WARNING

check-files:
	cd static/vendor && sha256sum --check --quiet MANIFEST.sha256
	@$(BIN)/python scripts/frontend.py check

frontend:  ## build the viewer from frontend/ into static/viewer/ (needs Node)
	@$(PYTHON) scripts/frontend.py build

messages: environment  ## collect the texts for people into locale/ and compile them (needs GNU gettext)
	$(BIN)/python scripts/messages.py

format: test-environment  ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(BIN)/djade --target-version 5.2 $(TEMPLATES) || true
	@$(BIN)/python scripts/frontend.py format

default-model: environment  ## train the shipped model again, judge it on unseen patients (about an hour); needs the CT of its card
	$(BIN)/python -m scripts.default_model.train --data $(MODEL_DATA) --out models/spine-ct-v2.h5 \
		--start-from models/spine-ct-v1.h5 --all-patients --settings '{"learning_rate": 0.002}'

fuzz: test-environment  ## odd files through every reader, each in a child process; FUZZ_ARGS="--count 10000 --seed 2 --kind nifti --keep DIR"
	@$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

bench: test-environment  ## the figures of docs/performance.md; the last line is JSON
	@$(BIN)/python manage.py bench $(BENCH_ARGS)

gpu: environment  ## TensorFlow with CUDA in place of the CPU build
	$(BIN)/python -m pip uninstall --yes tensorflow-cpu
	$(BIN)/python -m pip install -r requirements-gpu.txt

clean:  ## remove caches and the environment (the data in var/ stays)
	rm -rf $(SPINE_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +

environment:
	@$(PYTHON) scripts/set_up.py environment requirements.txt

test-environment:
	@$(PYTHON) scripts/set_up.py environment requirements-test.txt
