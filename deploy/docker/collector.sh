#!/bin/sh
# The collector's container: registers once, then one cycle a minute until it is told to stop. What cron does on a host; a cycle
# is a process of its own here too, and its log lines go to stdout.
#
#   REGISTRATION_SECRET   for the first start; a token that is there already is used
#   CYCLE_SECONDS         between the starts of two cycles (60)
#   PGANALYTICS, STATE    program and state directory, where they are not the image's
set -u
program=${PGANALYTICS:-/opt/pganalytics/bin/pganalytics} state=${STATE:-/var/lib/pganalytics} every=${CYCLE_SECONDS:-60}

stop='' child=''
on_signal() {
    stop=1
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}
trap on_signal TERM INT

run() { # COMMAND: to its end, whatever signal comes meanwhile
    "$@" &
    child=$!
    [ -z "$stop" ] || kill -TERM "$child" 2>/dev/null
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    child=''
    return "$code"
}

while [ -z "$stop" ] && [ ! -s "$state/collector.token" ]; do
    run "$program" register && break
    echo "collector.sh: not registered yet, the next try is in 5 s" >&2
    run sleep 5
done
while [ -z "$stop" ]; do
    begun=$(date +%s)
    run "$program" cron
    case $? in
        0 | 1 | 3 | 75) ;; # the log tells; the next cycle tries again
        2) exit 2 ;;       # a configuration that cannot be read does not mend itself
    esac
    rest=$((begun + every - $(date +%s)))
    [ -n "$stop" ] || [ $rest -le 0 ] || run sleep $rest
done
