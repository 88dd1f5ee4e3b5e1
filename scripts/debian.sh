#!/bin/sh
# Install what the browser and PDF tests use, when it is missing and this user may.
set -eu

missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v pdftotext >/dev/null || missing="$missing poppler-utils"
# It would begin to serve at once: nobody's machine gets it unasked.
[ -z "${CI:-}" ] || command -v nginx >/dev/null || missing="$missing nginx-light"
[ -n "$missing" ] || exit 0

install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of packages
    apt-get -qq update && apt-get -qq install --no-install-recommends --yes $missing
}

install </dev/null >/dev/null ||
    echo "Sans$missing, des tests seront sautés (apt install$missing)." >&2
