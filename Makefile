# Needs git, make and Python 3.11 or newer; each target fetches the rest by itself, into .venv and .tools.
#
#   make dev ARGS=--ui          arguments for `asset-bridge dev`
#   make test ARGS="-k http"    arguments for pytest, and for `make test-oldest`

.DEFAULT_GOAL := help
.PHONY: help dev test heavy soak attack test-oldest kafka deploy check fix audit sbom

# The Python of this machine is used, never one that uv would download.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON_PREFERENCE := system
# Where Python may not keep what it has compiled, every process that imports Dagster takes five seconds, not two.
unexport PYTHONDONTWRITEBYTECODE

UV := $(or $(shell command -v uv),.tools/bin/uv)
RUN_READY := .venv/.ready-to-run
DEV_READY := .venv/.ready-to-develop
OLDEST := .venv-oldest
OLDEST_READY := $(OLDEST)/.ready
# Two processes more than there are processors: the tests wait for as long as they compute. Each of `make kafka` has a
# broker beside it, so one more is enough there.
BESIDES := 2
kafka: BESIDES := 1
# In the order of tests/conftest.py, not those files first that have the most tests: what takes long begins at once.
PARALLEL = -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + $(BESIDES)) --dist loadfile --no-loadscope-reorder --durations 12 --durations-min 5

# In memory, where there is room: SQLite waits at every commit until the disk has it, which only a power failure shows.
IN_MEMORY := $(shell ! grep -q ' /dev/shm .*noexec' /proc/mounts && df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')
test heavy kafka deploy test-oldest: export TMPDIR := $(or $(IN_MEMORY),$(TMPDIR))

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: $(RUN_READY) ## Run everything in one process: broker, Dagster, HTTP, consumer, sample events
	@.venv/bin/asset-bridge dev $(ARGS)

test: $(DEV_READY) ## Run the tests that are quick and need nothing
	.venv/bin/pytest $(PARALLEL) --ignore tests/deploy -m 'not kafka and not heavy' $(ARGS)

heavy: $(DEV_READY) ## Run those that need a PostgreSQL, or many seconds
	.venv/bin/pytest $(PARALLEL) --ignore tests/deploy -m 'heavy and not kafka' $(ARGS)

kafka: $(DEV_READY) ## Run the tests that need a real Kafka; needs Java 17 and Maven, and fetches the rest
	.venv/bin/python tests/kafka_server.py --prepare
	.venv/bin/pytest $(PARALLEL) --ignore tests/deploy -m kafka $(ARGS)

deploy: $(DEV_READY) ## Check the image, the compose file and the chart; fetches Helm and the rest
	.venv/bin/python tests/deploy_tools.py
	.venv/bin/pytest $(PARALLEL) -o testpaths=tests/deploy $(ARGS)

soak: $(DEV_READY) ## Run random load with random faults for some minutes (ARGS="--minutes 30")
	.venv/bin/python tests/soak.py $(ARGS)

attack: $(DEV_READY) ## Send a million hostile inputs to both decoders (ARGS="--inputs 100000")
	.venv/bin/python tests/attack.py $(ARGS)

test-oldest: $(OLDEST_READY) ## Run the tests with the oldest Dagster that pyproject.toml allows
	ASSET_BRIDGE_TEST_DAGSTER=oldest $(OLDEST)/bin/pytest $(PARALLEL) --ignore tests/deploy -m 'not kafka' $(ARGS)

check: $(DEV_READY) ## Check style, types and layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy & mypy=$$!; .venv/bin/pyright; pyright=$$?; wait $$mypy && exit $$pyright # one processor each
	.venv/bin/lint-imports

fix: $(DEV_READY) ## Repair what ruff can repair
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

audit: $(DEV_READY) ## Ask whether a vulnerability is known of a locked package, where that can be asked
	@.venv/bin/python tests/vulnerabilities.py $(UV) $(ARGS)

sbom: $(DEV_READY) ## Write dist/asset-bridge.cdx.json: what an installation with every extra holds
	@mkdir -p dist
	$(UV) export --quiet --frozen --no-dev --all-extras --format cyclonedx1.5 --preview-features sbom-export --output-file dist/asset-bridge.cdx.json
	.venv/bin/python tests/sbom.py dist/asset-bridge.cdx.json

# What `dev` needs is installed apart from what `test` and `check` need, so that a first `make dev` is quick.
# --inexact leaves the tools in place when `make dev` comes after `make test`.
$(RUN_READY): uv.lock pyproject.toml | $(UV)
	$(UV) sync --quiet --frozen --no-dev --extra all --inexact
	@touch $@

$(DEV_READY): uv.lock pyproject.toml | $(UV)
	$(UV) sync --quiet --frozen --group deploy
	@touch $(RUN_READY) $@

# What is locked, with Dagster's own packages exchanged for the oldest: they pin each other, the rest stays as it is.
$(OLDEST_READY): uv.lock pyproject.toml | $(UV)
	UV_PROJECT_ENVIRONMENT=$(OLDEST) $(UV) sync --quiet --frozen --group deploy
	$(UV) pip install --quiet --python $(OLDEST) $$(sed -nE 's/.*"(dagster[a-z-]*)>=([0-9.]+),.*/\1==\2/p' pyproject.toml)
	@touch $@

# The first Python that is new enough makes a place for uv, without touching anything outside this folder.
.tools/bin/uv:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        $$python -m venv .tools || { echo 'Python has no venv: install it (Debian: apt install python3-venv)' >&2; exit 1; }; \
	        exec .tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'; \
	    fi; \
	done; echo 'asset-bridge needs Python 3.11 or newer' >&2; exit 1
