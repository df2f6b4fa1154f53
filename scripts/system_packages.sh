#!/usr/bin/env bash
# Installs what pip and npm cannot bring, on Debian and its relatives, and only what is missing.
#
#   scripts/system_packages.sh python a Python that is new enough, with venv: the program itself
#   scripts/system_packages.sh web    node and npm: the browser libraries that the maps carry
#   scripts/system_packages.sh test   that, Chromium and a Chinese font (the tests that look at the maps), the server of
#                                     PostgreSQL (the tests that keep things in it), GDAL's ogrinfo (the tests that
#                                     read /ogc) and systemd-analyze (the tests of the units)
#
# Works as root or through sudo; otherwise it says which packages are missing and stops.
set -euo pipefail

missing=()

need_command() { # need_command COMMAND PACKAGE...
    command -v "$1" >/dev/null 2>&1 || missing+=("${@:2}")
}

need_python() { # Debian splits venv off; a Python that is too old is not ours to replace
    local python="${PYTHON:-python3}"
    if ! command -v "$python" >/dev/null 2>&1; then
        missing+=(python3 python3-venv)
    elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "$python is $("$python" --version 2>&1), and trajaudit needs Python 3.11 or newer." >&2
        echo "Name another one: make PYTHON=python3.13 ..." >&2
        exit 1
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        missing+=(python3-venv)
    fi
}

need_chinese_font() {
    # fc-list comes with fontconfig, which Chromium depends on; without it no font can be found either.
    if ! command -v fc-list >/dev/null 2>&1 || [ -z "$(fc-list :lang=zh-cn family)" ]; then
        missing+=(fontconfig fonts-wqy-microhei)
    fi
}

need_chromium() {
    # On Debian the package is called chromium; an installed chromium-browser does as well.
    command -v chromium-browser >/dev/null 2>&1 || need_command chromium chromium
}

need_postgresql() {
    # Debian keeps the server's programs off the PATH.
    compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || need_command initdb postgresql
}

case "${1:-}" in
    python)
        need_python
        ;;
    web)
        need_command node nodejs
        need_command npm npm
        ;;
    test)
        need_command node nodejs
        need_command npm npm
        need_chromium
        need_chinese_font
        need_postgresql
        need_command ogrinfo gdal-bin
        need_command systemd-analyze systemd
        ;;
    *)
        echo "usage: $0 python|web|test" >&2
        exit 2
        ;;
esac

[ "${#missing[@]}" -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing on this machine: ${missing[*]} (names of the Debian packages)." >&2
    echo "There is no apt-get here: install their equivalents with this system's own package manager, then run make again." >&2
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        echo "Missing on this machine: ${missing[*]}." >&2
        echo "Installing them needs an administrator: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi

echo "Installing system packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
