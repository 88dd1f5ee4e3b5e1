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
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "Le module venv de Python manque : apt install python3-venv"
"$PYTHON" -m venv .venv
