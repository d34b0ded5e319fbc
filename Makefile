# Tagsite's commands. Only Python 3.11 or newer and make are needed; everything else goes into .venv and var.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.PHONY: demo try-airflow test prove mutate lint bench pictures shell messages lock clean

demo: .venv/runtime.stamp  ## the product with its embedded database and sample data
	@PORT=$(PORT) exec $(BIN)/python -m tagsite.demo

try-airflow: .venv/runtime.stamp  ## a real Airflow runs two of its examples and tells the demo
	@$(BIN)/python -m tagsite.try_airflow

# Four processes for two processors: much of the time they wait for deadlines and for processes that start. Hundreds of
# those start: none compiles again what another has, even where the environment says not to keep it (as containers do).
test: .venv/develop.stamp  ## all tests, on a real PostgreSQL (DATABASE_URL names another)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

prove: .venv/develop.stamp  ## attacks every promise, and writes docs/proof.md; LONG=1 in full, ONLY=row for one
	@LONG=$(LONG) ONLY=$(ONLY) SEED=$(SEED) $(BIN)/python -m tests.prove

mutate: .venv/develop.stamp  ## changes the engine and tenancy in one place after another: some test must notice
	$(PYTHON) -m venv var/mutate/venv
	var/mutate/venv/bin/python -m pip install --quiet --disable-pip-version-check mutmut==2.5.1
	@AGAIN=$(AGAIN) $(BIN)/python -m tests.mutate

lint: .venv/develop.stamp  ## style, types, layers, templates, security, requirements, migrations, deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	DEBUG=on $(BIN)/mypy tags tagsite manage.py
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint templates --check --lint --quiet
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive tags tagsite tools docs manage.py
	$(BIN)/python tools/check_requirements.py
	DEBUG=on $(BIN)/python manage.py makemigrations --check --dry-run
	DEBUG=off ALLOWED_HOSTS=tagsite.example SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

bench: .venv/develop.stamp  ## speed beside its limit; writes docs/performance.md, -live.md, -ingest.md and -desk.md
	$(BIN)/python -m tests.benchmarks $(ARGS)
	$(BIN)/python -m tests.benchmarks.live
	$(BIN)/python -m tests.benchmarks.ingest
	$(BIN)/python -m tests.benchmarks.desk

pictures: .venv/develop.stamp  ## of every page with the demo's data; writes docs/pictures
	@$(BIN)/python -m tests.browser.pictures

shell: .venv/runtime.stamp  ## a Python shell on the embedded database
	@DEBUG=on $(BIN)/python manage.py shell

messages: .venv/develop.stamp  ## the messages to translate, into locale/, and the translations compiled; needs GNU gettext
	DEBUG=on $(BIN)/python manage.py makemessages --all --no-location --no-wrap --no-obsolete --ignore .venv --ignore var --ignore tests
	DEBUG=on $(BIN)/python manage.py compilemessages --ignore .venv

lock:  ## pin what the requirements need in turn, with the hashes of their files for all platforms and Pythons
	$(PYTHON) -m venv var/lock
	var/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	for name in requirements requirements-dev; do \
		var/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--custom-compile-command "make lock" --output-file $$name.lock $$name.txt || exit 1; \
	done

clean:  ## remove the environment and all data, the demo's too
	@for folder in var/postgres var/test/postgres var/bench/postgres; do \
		if [ -x $(BIN)/python ] && [ -d $$folder ]; then \
			$(BIN)/python -c "from pathlib import Path; from tagsite.embedded_postgres import EmbeddedPostgres; EmbeddedPostgres(Path('$$folder')).stop()"; \
		fi; \
	done
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/runtime.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tagsite needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; on Debian: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/develop.stamp: requirements-dev.lock .venv/runtime.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
