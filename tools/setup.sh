#!/usr/bin/env bash
# Duty: make the tree buildable on a fresh Debian machine that has Swift: check the tools, install
# the missing packages where that is allowed, and fill the private virtual environment given as $1,
# if any. `setup.sh --also PACKAGE...` installs more packages and does nothing else.
# Invariant: silent and quick when nothing is missing; what is missing is said in one line.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-}

fail() {
  echo "betty: $*" >&2
  exit 1
}

find_python() {
  local candidate
  for candidate in "${BETTY_PYTHON:-python3}" python3.{11..19} /usr/bin/python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
}

header_of() { # the Python.h of interpreter $1
  "$1" -c 'import sysconfig; print(sysconfig.get_paths()["include"] + "/Python.h")'
}

check_swift() {
  command -v swift >/dev/null ||
    fail "no swift on PATH; get Swift 6.2 or newer from https://www.swift.org/install"
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p')
  [ "$(printf '6.2\n%s\n' "$version" | sort -V | head -n 1)" = 6.2 ] ||
    fail "Swift 6.2 or newer is needed, found $version; see https://www.swift.org/install"
}

missing_packages() {
  local openblas=/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.a python
  [ -e "${BETTY_OPENBLAS:-$openblas}" ] || echo libopenblas-dev
  command -v gcc >/dev/null || echo gcc
  command -v g++ >/dev/null || echo g++
  python=$(find_python)
  if [ -z "$python" ]; then
    echo python3 python3-dev python3-venv
  else
    [ -e "$(header_of "$python")" ] || echo python3-dev
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  fi
}

install_packages() { # $@: names of Debian packages
  command -v apt-get >/dev/null || fail "not on Debian: install what stands for $*"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "packages are missing, run: sudo apt-get install $*"
    sudo=(sudo -n)
  fi
  echo "betty: installing $*"
  "${sudo[@]}" apt-get update -qq || true # a mirror may be down and the package in the cache
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    fail "apt-get could not install $*"
}

fill_environment() {
  local wanted python=$venv/bin/python
  wanted=$(sha256sum python/requirements-dev.txt)
  if [ "$(cat "$venv/.filled" 2>/dev/null)" = "$wanted" ] && "$python" -c '' 2>/dev/null; then
    return
  fi
  echo "betty: making $venv with the tools of python/requirements-dev.txt"
  "$(find_python)" -m venv --clear "$venv" || fail "could not make a virtual environment in $venv"
  "$python" -m pip install --quiet --disable-pip-version-check -r python/requirements-dev.txt ||
    fail "pip could not install python/requirements-dev.txt"
  echo "$wanted" >"$venv/.filled"
}

if [ "$venv" = --also ]; then
  install_packages "${@:2}"
  exit
fi
check_swift
mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} != 0 ]; then
  install_packages "${missing[@]}"
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} = 0 ] || fail "still missing after apt-get install: ${missing[*]}"
fi
[ -n "$(find_python)" ] || fail "Python 3.11 or newer is needed: set BETTY_PYTHON to one"
[ -z "$venv" ] || fill_environment
