#!/bin/sh
# Prints where a Chromium is for the tests of the pages.
#
#   scripts/provide_chromium.sh
#
# That is the one of OKNG_CHROMIUM, else the one of this machine, else one that is installed now
# where we are root and there is apt. Where there is none it says what to do and prints nothing;
# the tests then skip or fail.
set -eu

say() { echo "provide_chromium: $*" >&2; }

find_one() {
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name"; then return; fi
    done
}

if [ -n "${OKNG_CHROMIUM:-}" ]; then
    [ -x "$OKNG_CHROMIUM" ] || say "OKNG_CHROMIUM is no program: $OKNG_CHROMIUM"
    echo "$OKNG_CHROMIUM"
    exit 0
fi
found=$(find_one)
if [ -z "$found" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Chromium with apt"
    { DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium ||
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium; }
    } >&2 || say "apt could not install it"
    found=$(find_one)
fi
if [ -n "$found" ]; then
    echo "$found"
    exit 0
fi
say "no Chromium: the tests of the pages are skipped (they fail where CI=true). Install it (Debian:" \
    "apt install chromium), or name it with OKNG_CHROMIUM=/path/to/chromium"
