# shellcheck shell=bash disable=SC2034
# Sourced by check-install and check-package: a folder that goes with them, two builds of one release, a PostgreSQL to watch.

home=$(mktemp -d "${TMPDIR:-/tmp}/pganalytics-check.XXXXXX")
chmod 755 "$home"
running=()
clean_up() {
    for pid in "${running[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
    for pid in "${running[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf --one-file-system "$home"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# The second is the first under another commit's name, which is as long.
two_builds() { # BIN: sets commit and newer; packages lie in first/dist and second/dist
    commit=$("$1/pganalytics" --version | sed 's/.*(\(.*\),.*/\1/')
    newer=$(printf "%0${#commit}d" 7)
    mkdir "$home/first" "$home/second"
    local program
    for program in pganalytics pganalytics-api; do
        strip -o "$home/first/$program" "$1/$program"
        LC_ALL=C sed "s/$commit/$newer/g" "$home/first/$program" >"$home/second/$program"
        chmod 755 "$home/second/$program"
    done
    scripts/package --bin "$home/first" --out "$home/first/dist" >/dev/null
    PACKAGE_REVISION=9999 scripts/package --bin "$home/second" --out "$home/second/dist" >/dev/null
}

until_it_answers() { # LOG COMMAND: half a minute at most, then the log tells why
    for _ in $(seq 300); do "${@:2}" >/dev/null 2>&1 && return || sleep 0.1; done
    cat "$1" >&2
    return 1
}

sql() { env LD_LIBRARY_PATH="$tree/lib" "$tree/bin/psql" -qAtX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres -d postgres "$@"; }

# The role as the deployment plan of release 3.2 has it.
start_server() { # sets tree, port and api, which is free for a backend
    tree=$(realpath target/pg)/18
    cp -a "$tree/template" "$home/data"
    chown pgtest "$home"
    read -r port api <<<"$(python3 -c 'import socket
with socket.socket() as a, socket.socket() as b:
    a.bind(("127.0.0.1", 0)); b.bind(("127.0.0.1", 0)); print(a.getsockname()[1], b.getsockname()[1])')"
    setpriv --reuid=pgtest --regid=pgtest --init-groups env LD_LIBRARY_PATH="$tree/lib" "$tree/bin/postgres" -D "$home/data" \
        -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
        -c shared_preload_libraries=pg_stat_statements >"$home/server.log" 2>&1 &
    running+=($!)
    until_it_answers "$home/server.log" sql -c 'select 1'
    sql -c 'create extension pg_stat_statements' -c "create role pganalytics login noinherit password 'watch-with-this'" \
        -c 'grant pg_monitor to pganalytics' -c 'create role keeper login' -c 'create database store owner keeper'
}
