#!/bin/sh
# health-check.sh [--json] [--logs DIR] [--config FILE]: is the collector of this host well? For people, cron and monitoring.
#
# It reads what the last run left (status.json and collector.log in DIR, /var/log/pganalytics unless told), so that no process
# has to be there to be looked for, and no right but to read is needed. One line for each check, the verdict in the last line.
# Exit 0 healthy (warnings are), 1 not, 2 for a wrong command line.
set -u
export LC_ALL=C

logs=/var/log/pganalytics config=${PGANALYTICS_CONFIG:-/etc/pganalytics/collector.toml} json=
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
    case $1 in
        --json) json=1 ;;
        --logs | --config)
            [ $# -gt 1 ] || { usage >&2; exit 2; }
            [ "$1" = --logs ] && logs=$2 || config=$2
            shift ;;
        --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
status=$logs/status.json
now=$(date +%s)

# Texts are kept as they stand in JSON, and made plain for people.
plain() { sed 's/\\"/"/g; s/\\\\/\\/g'; }
escaped() { printf '%s' "$1" | tr '\n\t' '  ' | sed 's/\\/\\\\/g; s/"/\\"/g'; }

healthy=true troubles='' checks=''
note() { # pass|warn|fail CHECK TEXT
    case $1 in
        pass) mark='✅' ;;
        warn) mark='⚠️ ' ;;
        fail) mark='❌' healthy=false troubles="$troubles${troubles:+; }$3" ;;
    esac
    checks="$checks${checks:+,}{\"check\":\"$2\",\"state\":\"$1\",\"text\":\"$3\"}"
    [ -n "$json" ] || printf '%s %s\n' "$mark" "$3" | plain
}

field() { # KEY [INDENT]: its value in status.json, which holds one a line; texts without their quotes
    sed -n "s/^${2:-  }\"$1\": //p" "$status" | sed 's/,$//; s/^"\(.*\)"$/\1/; 1q'
}
number() { # VALUE: whether it is one
    case $1 in '' | *[!0-9]*) return 1 ;; esac
}
seconds_of() { # TIME: an RFC 3339 time in UTC, as seconds; nothing where it is none
    case $1 in [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]*Z) ;; *) return 1 ;; esac
    date -u -d "$(printf '%.19s' "$1" | tr T ' ')" +%s 2>/dev/null
}
since() { # SECONDS: how long ago; a clock that was set back makes nothing old
    [ "$1" -gt "$now" ] && echo 0 || echo $((now - $1))
}

configuration() {
    # Monitoring may not look into that folder, and need not.
    if [ -e "$config" ] || { [ -d "$(dirname "$config")" ] && [ ! -x "$(dirname "$config")" ]; }; then return; fi
    note fail configuration "$(escaped "Configuration $config is not there: every run ends with exit 2")"
}

# Whether there is a status to go by.
readable_status() {
    if [ ! -e "$status" ]; then
        note fail cycle "$(escaped "No cycle has left $status yet: is the crontab line or the timer active?")"
        return 1
    fi
    if [ ! -r "$status" ]; then
        note fail cycle "$(escaped "$status cannot be read by $(id -un)")"
        return 1
    fi
    begun=$(seconds_of "$(field last_cycle_at)")
    interval=$(field interval_s) code=$(field exit_code)
    if number "$begun" && number "$interval" && number "$code" && [ "$(tail -n 1 "$status")" = '}' ]; then return; fi
    note fail cycle "$(escaped "$status is no status file of this release, or not whole: the next run writes it anew")"
    return 1
}

cycle() {
    age=$(since "$begun") took=$(field cycle_ms '    ')
    text="Last cycle time: $(printf '%.0f' "${took:-0}" 2>/dev/null)ms, ${age}s ago"
    if [ "$age" -gt $((2 * interval)) ]; then
        note fail cycle "$text, expected every ${interval}s: is the crontab line or the timer active? Or every run ends with exit code 2: pganalytics --validate-config"
    else
        note pass cycle "$text"
    fi
}

outcome() {
    case $code in
        0) note pass outcome "Last cycle outcome: complete" ;;
        1) note fail outcome "Last cycle outcome: exit 1, something is missing or waits" ;;
        3) note fail outcome "Last cycle outcome: exit 3, no database could be reached" ;;
        *) note fail outcome "Last cycle outcome: exit $code" ;;
    esac
    [ "$code" = 0 ] && state=warn || state=fail
    while IFS= read -r text; do
        [ -z "$text" ] || note "$state" condition "Attention: $text"
    done <<CONDITIONS
$(sed -n '/^  "conditions": \[$/,/^  \]/s/^    "\(.*\)",\{0,1\}$/\1/p' "$status" | head -n 5)
CONDITIONS
}

push() {
    at=$(field last_push_at)
    pushed=$(seconds_of "$at")
    if ! number "$pushed"; then
        note warn push "Last metrics push: never"
        return
    fi
    age=$(since "$pushed") waits=$(field spool_batches)
    if [ "$age" -gt $((2 * interval)) ] && number "$waits" && [ "$waits" -gt 0 ]; then
        note warn push "Last metrics push: $at, ${age}s ago, and $waits batches wait"
    else
        note pass push "Last metrics push: $at, ${age}s ago"
    fi
}

spool() {
    batches=$(field spool_batches) bytes=$(field spool_bytes) room=$(field spool_max_bytes) breaker=$(field breaker)
    number "$batches" && number "$bytes" && number "$room" && [ "$room" -gt 0 ] || return
    used=$((bytes * 100 / room))
    text="Spool buffer: $batches batches, $(((bytes + 999) / 1000)) kB, $used% of its room, oldest $(field spool_oldest_s)s, breaker $breaker"
    if [ "$used" -gt 70 ]; then
        note fail spool "$text: it fills, and the oldest batches go when it is full"
    elif [ "$breaker" = open ]; then
        note fail spool "$text: the backend is left alone for a while"
    elif [ "$breaker" = half_open ]; then
        note warn spool "$text"
    else
        note pass spool "$text"
    fi
}

rejected() {
    lying=$(field rejected_batches)
    number "$lying" && [ "$lying" -gt 0 ] || return
    note warn rejected "Spool buffer: $lying batches refused for good lie in reject/: see pganalytics spool list"
}

errors() {
    log=$logs/collector.log hour=$(date -u -d "@$((now - 3600))" +%Y-%m-%dT%H:%M:%S)
    if [ ! -e "$log" ] && [ ! -e "$log.1" ]; then
        note warn errors "$(escaped "No log at $log")"
        return
    fi
    if [ -e "$log" ] && [ ! -r "$log" ]; then
        note warn errors "$(escaped "Errors are not counted: $log cannot be read by $(id -un)")"
        return
    fi
    # The last hour may lie on both sides of a rotation.
    found=$(for file in "$log.1" "$log"; do [ ! -r "$file" ] || tail -c 16777216 "$file"; done | awk -v hour="$hour" '
        /^\{/ { if (/"level":"ERROR"/ && match($0, /"time":"[^"]*"/) && substr($0, RSTART + 8, 19) >= hour) found++; next }
        $2 == "ERROR:" && $1 ~ /^[0-9]+-/ && substr($1, 1, 19) >= hour { found++ }
        END { print found + 0 }')
    if [ "$found" = 0 ]; then
        note pass errors "No errors in logs"
    else
        note warn errors "Found $found errors in logs of the last hour"
    fi
}

memory() {
    bytes=$(field peak_rss_bytes '    ')
    number "$bytes" || { note warn memory "Memory usage: not known"; return; }
    megabytes=$(((bytes + 524288) / 1048576))
    # More than the largest installation was planned with.
    if [ "$megabytes" -gt 200 ]; then
        note warn memory "Memory usage: $megabytes MB"
    else
        note pass memory "Memory usage: $megabytes MB"
    fi
}

stamp=$(date -u -d "@$now" +%Y-%m-%dT%H:%M:%SZ)
[ -n "$json" ] || printf '=== pgAnalytics Health Check ===\nTimestamp: %s\n\n' "$stamp"
configuration
if readable_status; then
    for check in cycle outcome push spool rejected memory; do $check; done
fi
errors
summary=healthy
[ $healthy = true ] || summary="NOT healthy: $troubles"
if [ -n "$json" ]; then
    printf '{"healthy":%s,"timestamp":"%s","summary":"%s","checks":[%s]}\n' $healthy "$stamp" "$summary" "$checks"
else
    printf '\nHealth check complete: %s\n' "$summary" | plain
fi
[ $healthy = true ]
