# Everything a newcomer or the CI does with this tree. `make` lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Swift's own clang compiles the C targets: CC=gcc breaks it. The OPENBLAS_ variables are meant for
# NumPy's copy at best; a machine that sets them would measure and test something else.
unexport CC CXX OPENBLAS_CORETYPE OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS OPENBLAS_VERBOSE
export PATH := $(PATH):/opt/swift/usr/bin:$(HOME)/.local/share/swiftly/bin
export BETTY_SCRATCH ?= $(CURDIR)/.build

PREFIX ?= /usr/local
# What `make peers` installs for PyTorch: a requirement or the path of a wheel.
TORCH ?= torch
DESTDIR ?=
VENV := .venv
PYTHON := $(VENV)/bin/python
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' python/pyproject.toml)
MAJOR := $(firstword $(subst ., ,$(VERSION)))
CHECK := --explicit-target-dependency-import-check error
SWIFT_BUILD := swift build --scratch-path $(BETTY_SCRATCH) $(CHECK)
SWIFT_TEST := swift test --disable-xctest --no-parallel --scratch-path $(BETTY_SCRATCH) $(CHECK)
SWIFT_FILES := Package.swift Sources Tests
PYTHON_FILES := python Tests tools $(wildcard examples benchmarks)

##@ Use
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile

setup: ## check the tools, install what is missing, make the private .venv
	@tools/setup.sh $(VENV)

toolchain:
	@tools/setup.sh

build: toolchain ## build libbetty.so
	$(SWIFT_BUILD) -c release --product betty

wheel: setup ## build the Python wheel into dist/
	@mkdir -p dist && rm -f dist/betty-*.whl
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist ./python
	ls -l dist/betty-*.whl

install-venv: wheel
	@$(PYTHON) -m pip install --quiet --no-deps --force-reinstall dist/betty-*.whl

demo: install-venv ## learn the weights of mislabelled digits, against plain training
	@$(PYTHON) examples/data_reweighting.py

install: toolchain ## put library, header and betty.pc under PREFIX (default /usr/local)
	@BETTY_SONAME=libbetty.so.$(MAJOR) $(SWIFT_BUILD) -c release --product betty
	lib="$(DESTDIR)$(PREFIX)/lib" include="$(DESTDIR)$(PREFIX)/include"
	install -d "$$lib/pkgconfig" "$$include"
	install -m 755 $(BETTY_SCRATCH)/release/libbetty.so "$$lib/libbetty.so.$(VERSION)"
	ln -sfn libbetty.so.$(VERSION) "$$lib/libbetty.so.$(MAJOR)"
	ln -sfn libbetty.so.$(MAJOR) "$$lib/libbetty.so"
	install -m 644 include/betty.h "$$include/betty.h"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' tools/betty.pc.in \
	  > "$$lib/pkgconfig/betty.pc"
	echo "installed $$lib/libbetty.so.$(VERSION), $$include/betty.h, $$lib/pkgconfig/betty.pc"

##@ Check
test: test-swift test-python test-c ## all tests: Swift, Python, C

test-swift: toolchain ## the tests of the layers, then the kernels under each instruction set
	@$(SWIFT_BUILD) --build-tests
	$(SWIFT_TEST) --skip-build
	for isa in base v3; do
	  echo "kernel tests with BETTY_ISA=$$isa"
	  BETTY_ISA=$$isa $(SWIFT_TEST) --skip-build --filter BettyKernelsTests
	done

# A test asks for more memory than there is, and wants to be told so.
sanitize: export ASAN_OPTIONS = allocator_may_return_null=1
# A forked child starts threads of its own, as the pool promises: the sanitizer forbids it unless told.
sanitize: export TSAN_OPTIONS = allocator_may_return_null=1:die_after_fork=0
sanitize: toolchain ## the tests of the layers under AddressSanitizer and under ThreadSanitizer
	@for kind in address thread; do
	  echo "tests under the $$kind sanitizer"
	  BETTY_SCRATCH=$(CURDIR)/.build-$$kind
	  swift test --disable-xctest --no-parallel --scratch-path "$$BETTY_SCRATCH" \
	    --sanitize=$$kind $(CHECK)
	done

test-python: install-venv ## the tests of the Python package, on the installed wheel
	@$(PYTHON) -m pytest -q Tests/python

test-c: build ## the C examples and tests, under valgrind where it is installed
	@tools/c_tests.sh $(BETTY_SCRATCH)/release

dist: wheel ## install the wheel into a fresh environment of every Python >= 3.11 found
	@$(PYTHON) tools/dist.py dist/betty-*.whl

bench: install-venv ## measure, with PyTorch beside when .venv has it
	@$(PYTHON) benchmarks/run.py

peers: ## make the environments of the libraries that benchmarks compare with, in .peers
	@for peer in torch jax; do python3 -m venv .peers/$$peer; done
	.peers/torch/bin/pip install --quiet "$(TORCH)" numpy scikit-learn
	.peers/torch/bin/pip install --quiet --ignore-requires-python --no-deps betty-ml==0.2.1
	.peers/jax/bin/pip install --quiet jax optax

bench-bilevel: install-venv ## measure whole bilevel programs, beside the peers that are there
	@$(PYTHON) benchmarks/bilevel.py

docs-check: install-venv ## run the examples of README and docstrings
	@$(PYTHON) tools/docs_check.py

##@ Work on it
format: setup ## format Swift and Python
	@swift format --in-place --parallel --recursive $(SWIFT_FILES)
	$(VENV)/bin/ruff format $(PYTHON_FILES)
	$(VENV)/bin/ruff check --fix $(PYTHON_FILES)

lint: setup ## formatting, house rules, and the header with every warning
	@swift format lint --strict --parallel --recursive $(SWIFT_FILES)
	$(VENV)/bin/ruff check $(PYTHON_FILES)
	$(VENV)/bin/ruff format --check $(PYTHON_FILES)
	$(PYTHON) tools/house_rules.py
	$(PYTHON) -m pytest -q Tests/python/test_abi.py -k "header and not exports"

develop: setup ## put debug libraries beside the Python sources, for PYTHONPATH=python
	@BETTY_CONFIGURATION=debug $(PYTHON) python/betty_build.py

clean: ## remove what was built, and .venv
	@rm -rf .build .build-* dist $(VENV) python/betty/libbetty.so python/betty/_native.abi3.so

.PHONY: help setup toolchain build wheel install-venv demo install test test-swift test-python test-c dist \
  bench peers bench-bilevel docs-check format lint develop clean
