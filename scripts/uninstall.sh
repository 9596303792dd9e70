#!/usr/bin/env bash
# uninstall.sh [--api] [--purge] [--root DIR] [--dry-run]: takes the collector (or with --api the backend) off this host. What was
# written by people and by runs stays: /etc/pganalytics, /var/lib/pganalytics with what waits unsent, /var/log/pganalytics, the
# user. --purge takes these too.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }
program=pganalytics purge='' root='' dry=''
while [ $# -gt 0 ]; do
    case $1 in
        --api) program=pganalytics-api ;;
        --purge) purge=1 ;;
        --dry-run) dry=1 ;;
        --root)
            [ $# -gt 1 ] || { usage >&2; exit 2; }
            root=${2%/}
            shift ;;
        --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
opt=$root/opt/pganalytics etc=$root/etc/pganalytics state=$root/var/lib/pganalytics logs=$root/var/log/pganalytics
units=$root/etc/systemd/system path=$root/usr/local/bin

fail() { echo "uninstall.sh: $1" >&2; exit 1; }
act() { # COMMAND: whatever changes this host
    if [ -n "$dry" ]; then echo "would run: $*"; else "$@"; fi
}
systemd_runs() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

[ -n "$root" ] || [ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail "this changes /opt, /etc and /var: run it as root, or look first with --dry-run"
if [ -z "$root" ] && package=$(dpkg-query -S "$opt/bin/$program" 2>/dev/null); then
    fail "${package%%:*} is a Debian package: apt-get remove ${package%%:*}"
fi

stop_collector() {
    if systemd_runs; then
        act systemctl disable --now --quiet pganalytics-collector.timer || true
        # That of a release 3.x is a process that stays; a run of ours is never `active`.
        if systemctl is-active --quiet pganalytics-collector.service; then act systemctl stop pganalytics-collector.service; fi
    fi
    act rm -f "$root/etc/cron.d/pganalytics" "$root/etc/logrotate.d/pganalytics" "$units"/pganalytics-collector.{service,timer}
    act rm -f "$units"/*.wants/pganalytics-collector.{service,timer} # of 3.x the service was wanted at boot
    # A run under way ends, and what it has read is sealed.
    if [ -e "$state/lock" ]; then act flock --wait 60 "$state/lock" true || fail "a run is still under way after a minute; try again"; fi
}

stop_backend() {
    if systemd_runs; then act systemctl disable --now --quiet pganalytics-api.service || true; fi
    act rm -f "$units/pganalytics-api.service"
}

remove_programs() {
    if [ "$(readlink "$path/$program" 2>/dev/null)" = "/opt/pganalytics/bin/$program" ]; then act rm -f "$path/$program"; fi
    act rm -f "$opt/bin/$program" "$opt/bin/$program-previous"
    act find "$opt/bin" -maxdepth 1 -type f -name "$program-[0-9uv]*" -delete
    if [ "$program" = pganalytics ]; then
        act rm -f "$opt/bin/health-check.sh" "$opt/bin/diag" "$opt"/share/{mask.sed,cron,logrotate,collector.toml.example}
        act rm -f "$opt"/share/pganalytics-collector.{service,timer}
    else
        act rm -f "$opt/share/pganalytics-api.service"
    fi
    # Both programs use these.
    if [ -z "$(find "$opt/bin" -maxdepth 1 -name 'pganalytics*' 2>/dev/null)" ]; then
        act rm -f "$opt/bin/rollback" "$opt/bin/uninstall.sh"
        act rmdir --ignore-fail-on-non-empty "$opt/bin" "$opt/share" "$opt"
    fi
}

remove_data() {
    if [ "$program" = pganalytics ]; then
        act rm -rf "$state" "$logs"
        act rm -f "$etc"/collector.toml "$etc"/{collector.toml,cron,logrotate}.new
        act rm -f "$etc"/{cron,pganalytics-collector.service,pganalytics-collector.timer}.saved*
    else
        act rm -f "$etc/config.toml" "$etc/api.env" "$etc"/pganalytics-api.service.saved*
    fi
    if [ -d "$etc" ]; then act rmdir --ignore-fail-on-non-empty "$etc"; fi
    if [ -z "$root" ] && getent passwd "$program" >/dev/null; then act userdel "$program"; fi
}

if [ "$program" = pganalytics ]; then stop_collector; else stop_backend; fi
if [ -d "$opt/bin" ]; then remove_programs; fi
if systemd_runs; then act systemctl daemon-reload; fi
if [ -n "$purge" ]; then
    remove_data
    echo "$program is gone, and what it knew"
else
    echo "$program is gone; its configuration, state, log and user stay (uninstall.sh --purge takes them too)"
fi
