# The verbs of this project. All of them work on the local cluster and the stack `local`, never on another.
#
#   make up NODES=100     start the local cluster (first time: get its tools) and install Kata on its nodes

.DEFAULT_GOAL := up
# Pulumi starts several interpreters in each run, and the tests hundreds: none compiles all anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: up preview down env test lint bench clean
.SILENT:

PYTHON ?= python3.11
NODES ?=
VENV := .venv
BIN := $(VENV)/bin
POLICY := policy/.venv
SANDBOX := $(BIN)/python -m sandbox
RUNTIME := requirements/product.txt requirements/sandbox.txt
CHECKS := requirements/test.txt requirements/lint.txt
# A failing `env` must stop the recipe, which `eval "$(...)"` alone would not.
IN_SANDBOX := variables="$$($(SANDBOX) env)" && eval "$$variables" &&
START := $(SANDBOX) start $(if $(NODES),--nodes $(NODES))
# Python compiles what it imports; most modules of pulumi-kubernetes never are.
PIP_INSTALL := -m pip install --no-compile --quiet --disable-pip-version-check --require-hashes
TESTS ?= tests

up: $(VENV)/.runtime
	$(START)
	$(IN_SANDBOX) pulumi up --yes --stack local
	echo
	echo "Next:  eval \"\$$(make -s env)\"        then pulumi, kubectl and kwokctl work on this cluster"
	echo "       kubectl get nodes -L katacontainers.io/kata-runtime"
	echo "       $(SANDBOX) add-nodes 2   then make preview: the new nodes are what up would do"
	echo "       make down                  takes Kata off all nodes again"

preview: $(VENV)/.runtime
	$(START)
	$(IN_SANDBOX) pulumi preview --stack local

down: $(VENV)/.runtime
	$(SANDBOX) status
	$(SANDBOX) start
	$(IN_SANDBOX) pulumi destroy --yes --stack local

env: $(VENV)/.runtime
	$(SANDBOX) env

test: $(VENV)/.checks $(POLICY)/.installed
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(TESTS)

lint: $(VENV)/.checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy policy
	$(BIN)/mypy examples/own-program
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows examples/ci/github.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci examples/ci/gitlab.yml
	$(BIN)/zizmor --quiet --offline examples/ci/github.yml

bench: $(VENV)/.checks
	$(BIN)/python -m bench

clean:
	if [ -e $(BIN)/python ]; then $(SANDBOX) delete; fi
	rm -rf build $(VENV) $(POLICY) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Messages go to stderr: stdout of `make -s env` is for a shell.
$(VENV)/.runtime: $(RUNTIME) | $(BIN)/python
	echo "installing Python packages into $(VENV), which takes about a minute ..." >&2
	$(BIN)/python $(PIP_INSTALL) $(RUNTIME:%=-r %) >&2
	touch $@

$(VENV)/.checks: $(CHECKS) $(VENV)/.runtime
	echo "installing Python packages for tests and checks into $(VENV) ..." >&2
	$(BIN)/python $(PIP_INSTALL) $(CHECKS:%=-r %) >&2
	touch $@

$(POLICY)/.installed: policy/requirements.txt
	echo "installing Python packages of the policy pack into $(POLICY) ..." >&2
	$(PYTHON) -m venv $(POLICY)
	$(POLICY)/bin/python $(PIP_INSTALL) -r $< >&2
	touch $@
