#!/bin/sh
# Make .venv, or say in one line what is missing.
set -eu

fail() {
    echo "$1" >&2
    exit 1
}

command -v "$PYTHON" >/dev/null ||
    fail "Python 3.11 ou plus récent est nécessaire : apt install python3 python3-venv"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 ou plus récent est nécessaire ; $PYTHON est $("$PYTHON" -V 2>&1)."
has_venv() {
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null
}

# Debian leaves it out of python3; root may add it.
install_venv() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update && apt-get -qq install --no-install-recommends --yes python3-venv
}

has_venv || { install_venv </dev/null >/dev/null && has_venv; } ||
    fail "Le module venv de Python manque : apt install python3-venv"
"$PYTHON" -m venv .venv
