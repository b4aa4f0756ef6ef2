#!/bin/sh
# Prints the URL of a PostgreSQL server for the tests, which make databases of their own in it.
#
#   scripts/provide_postgres.sh PYTHON
#
# That is the server of OKNG_TEST_POSTGRES, else the usual one of this machine, else one of our
# own: from the programs installed here, or installed now where we are root and there is apt.
# Where there is none it says what to do and prints nothing; the tests then skip or fail.
# It never changes a server that it did not start, nor databases that it did not make.
set -eu

python=${1:?"usage: $0 PYTHON (one that has psycopg)"}
usual=${OKNG_TEST_POSTGRES_USUAL:-postgresql://postgres@127.0.0.1:5432/postgres}
port=${OKNG_TEST_POSTGRES_PORT:-54329}
own=postgresql://postgres@127.0.0.1:$port/postgres
home=/var/tmp/okng-test-postgres-$(id -u)-$port

say() { echo "provide_postgres: $*" >&2; }

answers() {
    "$python" -c 'import sys, psycopg; psycopg.connect(sys.argv[1], connect_timeout=3).close()' \
        "$1" >/dev/null 2>&1
}

programs() {
    for folder in $(command -v initdb >/dev/null && dirname "$(command -v initdb)") \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then found=$folder; fi
    done
    echo "${found:-}"
}

# PostgreSQL refuses to run as root.
unprivileged() {
    if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

start_own() {
    bin=$1
    if [ ! -f "$home/data/PG_VERSION" ]; then
        mkdir -p -m 700 "$home"
        if [ "$(id -u)" = 0 ]; then chown postgres "$home"; fi
        unprivileged "$bin/initdb" -D "$home/data" -U postgres -A trust -E UTF8 --no-locale >/dev/null
    fi
    unprivileged "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w start \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$home"
}

if [ -n "${OKNG_TEST_POSTGRES:-}" ]; then
    answers "$OKNG_TEST_POSTGRES" || say "no PostgreSQL answers at OKNG_TEST_POSTGRES: start it," \
        "or unset OKNG_TEST_POSTGRES to have one started"
    echo "$OKNG_TEST_POSTGRES"
    exit 0
fi
for url in "$usual" "$own"; do
    if answers "$url"; then
        echo "$url"
        exit 0
    fi
done
if [ -z "$(programs)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing PostgreSQL with apt"
    { DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql ||
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql; }
    } >&2 || say "apt could not install it"
fi
bin=$(programs)
if [ -n "$bin" ] && start_own "$bin" >&2 && answers "$own"; then
    say "started a server for tests in $home; stop it with: $bin/pg_ctl -D $home/data stop"
    echo "$own"
    exit 0
fi
say "no PostgreSQL: its tests are skipped (they fail where CI=true). Install PostgreSQL (Debian:" \
    "apt install postgresql; macOS: brew install postgresql), or name a server with" \
    "OKNG_TEST_POSTGRES=postgresql://user:password@host/database"
