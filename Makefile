# The course's commands; `make help` lists them. They work from any folder, also one with spaces in
# its path, and need Python 3.11 to 3.13. PYTHON=... picks the interpreter of a new environment,
# TORCH=cpu or default the build of PyTorch; ARGS="..." is passed on, ONLY="..." names notebooks,
# JOBS=n sets the tests' processes.

PYTHON ?=
TORCH ?= auto
ARGS ?=
ONLY ?=
JOBS ?= 2

PY := .venv/bin/python
READY := .venv/.ready
READY_DEV := .venv/.ready-dev
PIP := $(PY) -m pip --disable-pip-version-check
# No question about news and no look for updates: the course needs no network.
OFFLINE := --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate
ROOT_FLAG := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

export JUPYTER_PREFER_ENV_PATH := 1
export JOBS

.DEFAULT_GOAL := help
.PHONY: help lab test quick check unit notebooks-test browser browser-test notebooks look \
	screenshots site data train positions embeddings ablations experiments beyond speedrun bench \
	memory diagrams readme javascript format pins clean FORCE

help: ## list these commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

lab: $(READY) ## set everything up and open the course in JupyterLab; ARGS="--port 8899"
	@[ -w "$$HOME" ] || { HOME=$$(mktemp -d); export HOME; \
		echo "Your home folder can't be written: JupyterLab keeps its settings in $$HOME"; }; \
	$(PY) -m jupyterlab --ip=127.0.0.1 $(OFFLINE) $(ROOT_FLAG) \
		--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ARGS)

test: $(READY_DEV) ## set everything up and pass all tests, each step within a limit
	@$(PY) tools/run_tests.py

quick: $(READY_DEV) ## what to run while writing: format, lint, types, and the unit tests of nmt
	@$(PY) tools/run_tests.py quick $(ARGS)

check: $(READY_DEV) ## formatting, lint and types alone
	@$(PY) tools/run_tests.py check

unit: $(READY_DEV) ## unit and property tests alone; ARGS="-k scan"
	@$(PY) tools/run_tests.py unit $(ARGS)

notebooks-test: $(READY_DEV) ## run every notebook under nbval, which compares its outputs
	@$(PY) tools/run_tests.py notebooks $(ARGS)

browser: $(READY_DEV) ## find Chromium, or install Debian's where that is possible
	@$(PY) tests/browser/chromium.py

# Many desktops set BROWSER for all their programs: only what stands in the command counts.
OTHER := $(if $(filter command,$(origin BROWSER)),$(filter-out chromium,$(BROWSER)))
browser-test: $(READY_DEV) ## every notebook in JupyterLab in Chromium; ARGS="-k 02" takes one; with BROWSER=firefox or BROWSER=webkit in that browser, and ONLY=02_attention takes one
	@$(PY) $(if $(OTHER),tests/browser/other_browsers.py $(OTHER) $(ONLY),tools/run_tests.py browser) $(ARGS)

notebooks: $(READY_DEV) ## run notebooks and store their outputs; ONLY=02_attention takes one
	$(PY) tests/notebooks/refresh.py $(ONLY)

look: browser ## photograph notebooks in JupyterLab, light and dark; ONLY=02_attention takes one
	$(PY) tests/browser/look.py $(ONLY) $(ARGS)

site: $(READY_DEV) ## make build/site/, the course as pages for any browser; works offline
	$(PY) website/make_site.py $(ARGS)

screenshots: browser ## photograph explorers for the README; ARGS="02_attention attention"
	$(PY) tests/browser/screenshots.py $(ARGS)

data: $(READY_DEV) ## remake the word pairs in data/ and check every count and checksum
	$(PY) data/build.py $(ARGS)

train: $(READY) ## remake the shipped checkpoints and the best models' run records, five seeds each (three and a half hours on two cores)
	OMP_NUM_THREADS=1 $(PY) -m course experiments run best learned-a mamba-as-published two-heads --again --jobs $(JOBS) && $(PY) -m course experiments ship

positions: $(READY) ## remake the run records of notebook 03: five position schemes, five seeds each (half an hour on two cores)
	OMP_NUM_THREADS=1 $(PY) -m course experiments run positions --again --jobs $(JOBS)

embeddings: $(READY) ## remake the tables of notebook 08: embeddings at four widths, positions of three schemes, three seeds each (a quarter of an hour on two cores)
	OMP_NUM_THREADS=1 $(PY) -m course experiments run embeddings --jobs $(JOBS) --out runs/embeddings --records runs/embeddings && $(PY) -m course.interpretability.stored_embeddings runs/embeddings/embeddings-*/

ablations: $(READY) ## remake the run records of notebook 06: one part of Mamba switched off, three seeds each (a quarter of an hour on two cores)
	OMP_NUM_THREADS=1 $(PY) -m course experiments run mamba-ablation --again --jobs $(JOBS)

experiments: $(READY) ## train what of the lab report has no record yet, then write its tables and figures; ARGS="--dry-run" only estimates, NAMES=long goes on with the sweep of docs/experiments.md
	OMP_NUM_THREADS=1 $(PY) -m course experiments run $(or $(NAMES),all) $(ARGS) && $(PY) -m course experiments report

beyond: $(READY) ## ask the best models invented, long and one-letter words, and sort their mistakes, for assets/results/beyond.json
	$(PY) -m course experiments beyond $(ARGS)

speedrun: $(READY) ## the Pig Latin speed run: seconds of training to 97 % and 99 % of small's validation words, five seeds each
	$(PY) -m course speedrun $(ARGS)

bench: $(READY_DEV) ## measure training and decoding beside their peers; ONLY=scans: the scans
	$(PY) tests/benchmarks/$(or $(ONLY),speed).py $(ARGS)

memory: $(READY_DEV) ## measure the memory that notebooks and JupyterLab need; ONLY=02_attention
	$(PY) tests/notebooks/kernel_memory.py $(ONLY)

diagrams: $(READY) ## redraw assets/diagrams/
	$(PY) assets/diagrams/draw.py

readme: $(READY_DEV) ## write the tables of README.md and docs/teaching.md from what is in the repository
	$(PY) tools/readme.py
	$(PY) tools/teaching.py

javascript: $(READY_DEV) ## remake the shipped JavaScript from npm packages; needs node and npm
	$(PY) tools/javascript.py $(ARGS)

format: $(READY_DEV) ## format the code and fix what lint can fix
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

# uv resolves for every Python and system at once, as pyproject.toml says. It keeps to the versions
# that stand in the files as far as it can; the developers' hold the users'.
UV := .venv/bin/uv pip compile --quiet pyproject.toml
pins: .venv/.made ## resolve the ranges of pyproject.toml to the pins; ARGS=--upgrade moves them
	$(PIP) install --quiet "uv>=0.5,<1"
	$(UV) --output-file requirements.txt $(ARGS)
	$(UV) --extra dev --constraints requirements.txt --output-file requirements-dev.txt $(ARGS)

clean: ## remove the environment and all caches
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# The environment: made by PYTHON, or by the first of the usual names that fits; pip runs again only
# when the requirements changed, or when TORCH was said.
.venv/.made:
	@for python in $(if $(PYTHON),"$(PYTHON)",python3 python3.13 python3.12 python3.11); do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
				2>/dev/null; then \
			"$$python" -c 'import ensurepip, venv' 2>/dev/null || { echo "$$python cannot make" \
				"environments; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }; \
			echo "Making .venv with $$("$$python" --version)"; \
			"$$python" -m venv .venv && touch $@; exit $$?; \
		fi; \
	done; \
	echo "The course needs Python 3.11, 3.12 or 3.13; name one with:" \
		"make lab PYTHON=/path/to/python3.12" >&2; exit 1

$(READY): .venv/.made requirements.txt pyproject.toml $(if $(filter auto,$(TORCH)),,FORCE)
	@$(PY) tools/install.py --torch "$(TORCH)" || { echo "Failed: the installation" >&2; exit 1; }
	@touch $@

$(READY_DEV): $(READY) requirements-dev.txt
	@$(PIP) install --quiet --requirement requirements-dev.txt || \
		{ echo "Failed: the installation of what the tests need" >&2; exit 1; }
	@touch $@

FORCE:
