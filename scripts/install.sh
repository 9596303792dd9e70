#!/usr/bin/env bash
# install.sh [--api] [--cron|--timer] [--bin DIR] [--log-group GROUP] [--keep N] [--root DIR] [--dry-run]: puts the collector
# (or with --api the backend) on this host, or a newer one in its place; the same command does both, and may be repeated.
#
#   --cron, --timer   start a cycle each minute from now on, by cron or by systemd; without either, what starts it already
#                     stays, and on a new host nothing starts yet
#   --bin DIR         where the built program is (default: beside the scripts in a release, target/release in the source)
#   --log-group G     the collector's user joins G, to read the server's log files (Debian: adm)
#   --keep N          programs kept in /opt/pganalytics/bin, the one in use included (default 3): what rollback goes back to
#   --root DIR        files only, below DIR: no users, no owners, nothing started
#   --dry-run         say what would be done
#
# Never overwrites what an operator may have changed: a configuration is laid beside the old one as .new and the difference is
# shown, secrets masked; a unit that an earlier release or an operator wrote is replaced, and kept in /etc/pganalytics as .saved.
# Nothing is stopped: the program is exchanged by one rename, and a run under way ends as it began.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
umask 022
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }
program=pganalytics schedule='' bin='' group='' keep=3 root='' dry=''
while [ $# -gt 0 ]; do
    case $1 in
        --api) program=pganalytics-api ;;
        --cron | --timer) schedule=${1#--} ;;
        --dry-run) dry=1 ;;
        --bin | --log-group | --keep | --root)
            [ $# -gt 1 ] || { usage >&2; exit 2; }
            case $1 in
                --bin) bin=$2 ;;
                --log-group) group=$2 ;;
                --keep) keep=$2 ;;
                --root) root=${2%/} ;;
            esac
            shift ;;
        --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
user=$program
opt=$root/opt/pganalytics etc=$root/etc/pganalytics state=$root/var/lib/pganalytics logs=$root/var/log/pganalytics
units=$root/etc/systemd/system cron=$root/etc/cron.d/pganalytics path=$root/usr/local/bin

fail() { echo "install.sh: $1" >&2; exit 1; }
say() { echo "$1"; }
act() { # COMMAND: whatever changes this host
    if [ -n "$dry" ]; then echo "would run: $*"; else "$@"; fi
}
owners=() # of what is laid, where it is not whoever lays it
lay() { # MODE FROM TO: whole or not at all, and only where it differs
    if cmp -s "$2" "$3"; then return; fi
    if [ -n "$dry" ]; then
        echo "would write $3"
        return
    fi
    install -m "$1" "${owners[@]}" "$2" "$3.part"
    mv -f "$3.part" "$3"
}
systemd_runs() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

find_program() {
    if [ -z "$bin" ]; then
        bin=$here
        [ -x "$bin/$program" ] || bin=$here/target/release
    fi
    [ -x "$bin/$program" ] || fail "there is no $program in $bin: build it (cargo build --release -p $program), or name its folder with --bin"
    told=$("$bin/$program" --version) || fail "$bin/$program does not run here"
    # pganalytics 3.3.0 (0123456789ab, x86_64-unknown-linux-gnu)
    [[ $told =~ ^[a-z-]+\ ([0-9.]+)\ \(([0-9a-z]+), ]] || fail "$bin/$program --version says '$told'"
    name=$program-${BASH_REMATCH[1]}-${BASH_REMATCH[2]}
    # Built twice from one commit, and not the same: both can be gone back to.
    if [ -e "$opt/bin/$name" ] && ! cmp -s "$bin/$program" "$opt/bin/$name"; then
        name=$name-$(sha256sum "$bin/$program" | head -c 8)
    fi
}

may_install() {
    [[ $keep =~ ^[1-9][0-9]*$ ]] || fail "--keep wants a number from 1 on"
    if [ "$program" != pganalytics ] && [ -n "$schedule" ]; then
        fail "--$schedule starts the collector; the backend: systemctl enable --now pganalytics-api"
    fi
    if [ -n "$root" ] || [ -n "$dry" ]; then return; fi
    [ "$(id -u)" = 0 ] || fail "this makes a user and writes to /opt, /etc and /var: run it as root, or look first with --dry-run"
    if dpkg-query -S "/opt/pganalytics/bin/$program" >/dev/null 2>&1; then
        fail "$program is here as a Debian package: upgrade that (apt-get install ./${program}_*.deb), start it by systemctl (docs/INSTALL.md), or remove it first"
    fi
}

make_user() {
    if [ -n "$root" ]; then return; fi
    if ! getent passwd "$user" >/dev/null; then
        act useradd --system --user-group --home-dir "$state" --no-create-home --shell "$(command -v nologin || echo /bin/false)" "$user"
    fi
    if [ -n "$group" ]; then
        getent group "$group" >/dev/null || fail "there is no group $group"
        act usermod --append --groups "$group" "$user"
    fi
}

make_directories() {
    local folder folders=("$opt" "$opt/bin" "$opt/share" "$etc" "$units" "$path")
    if [ "$program" = pganalytics ]; then folders+=("$root/etc/logrotate.d" "$root/etc/cron.d"); fi
    for folder in "${folders[@]}"; do
        if [ ! -d "$folder" ]; then act install -d -m 755 "$folder"; fi
    done
    if [ "$program" = pganalytics ]; then
        give 700 "$state"
        give 755 "$logs"
    fi
}

# Earlier releases ran as root, and left files that are of no use to another user. What belongs to a third stays theirs.
give() { # MODE FOLDER
    if [ ! -d "$2" ]; then act install -d -m "$1" "$2"; fi
    if [ -n "$root" ]; then return; fi
    local owner
    owner=$(stat -c %U "$2" 2>/dev/null || echo root)
    case $owner in
        "$user") ;;
        root) act chown -hR "$user:$user" "$2" ;;
        *) say "attention: $2 belongs to $owner, and the collector runs as $user: give it to one of them, or name $owner in crontab and unit" ;;
    esac
}

# A program that came otherwise (the guide of release 3.3 copies it, or links it by its whole path) can be gone back to as well.
adopt() { # LINK
    if [ ! -e "$1" ] || { [ -L "$1" ] && [ "$(dirname "$(readlink -f "$1")")" = "$(readlink -f "$opt/bin")" ]; }; then return; fi
    local version
    version=$(timeout 10 "$1" --version 2>/dev/null | grep -Eo '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1) || true
    old=$program-${version:-unknown}-found-$(date -u -r "$1" +%Y%m%d%H%M%S)
    say "the $program that was here stays as $old"
    act cp -p "$1" "$opt/bin/$old"
}

switch() { # LINK TARGET: at no moment is there none
    act ln -sfn "$2" "$1.part"
    act mv -fT "$1.part" "$1"
}

install_program() {
    local link=$opt/bin/$program old=''
    adopt "$link"
    [ -n "$old" ] || old=$(readlink "$link" 2>/dev/null || true)
    old=${old##*/}
    lay 755 "$bin/$program" "$opt/bin/$name"
    if [ "$old" = "$name" ]; then
        say "$name is in place already"
        return
    fi
    switch "$link" "$name"
    if [ -n "$old" ]; then switch "$link-previous" "$old"; fi
    say "$name is${dry:+ (or would be)} in place${old:+, before it was $old: /opt/pganalytics/bin/rollback goes back}"
}

# By its name for whoever types it, through the link that rollback switches. Units and crontab need no PATH.
link_program() {
    local link=$path/$program target=/opt/pganalytics/bin/$program
    if [ "$(readlink "$link" 2>/dev/null)" = "$target" ]; then return; fi
    if [ -e "$link" ] || [ -L "$link" ]; then
        say "attention: $link is another program's and stays: type $target, or take it away and run install.sh again"
    else
        act ln -s "$target" "$link"
    fi
}

# The newest ones stay, and whatever the links name.
drop_oldest() {
    local file kept=0 links
    links=" $(readlink "$opt/bin/$program" "$opt/bin/$program-previous" 2>/dev/null | tr '\n' ' ' || true)"
    while IFS= read -r file; do
        kept=$((kept + 1))
        if [ $kept -gt "$keep" ] && [[ $links != *" ${file##*/} "* ]]; then act rm -f "$file"; fi
    done < <(find "$opt/bin" -maxdepth 1 -type f -name "$program-[0-9uv]*" -printf '%T@ %p\n' 2>/dev/null | sort -rn | cut -d' ' -f2-)
}

install_tools() {
    local from=$here/scripts
    lay 755 "$from/uninstall.sh" "$opt/bin/uninstall.sh"
    lay 755 "$from/rollback" "$opt/bin/rollback"
    if [ "$program" = pganalytics ]; then
        lay 755 "$from/diag" "$opt/bin/diag"
        lay 755 "$here/deploy/health-check.sh" "$opt/bin/health-check.sh"
        lay 644 "$here/deploy/mask.sed" "$opt/share/mask.sed"
    fi
}

# $opt/share remembers what was laid last: a file that is still so is replaced, and one that was changed is told of once.
configure() { # MODE FROM TO NEW NAME
    local shipped=$opt/share/$5
    if [ ! -e "$3" ] || cmp -s "$3" "$shipped"; then
        lay "$1" "$2" "$3"
    elif ! cmp -s "$2" "$3" && ! cmp -s "$2" "$shipped"; then
        lay "$1" "$2" "$4"
        say "$3 is yours and stays; what this release has is in $4. The settings that differ:"
        show_difference "$3" "$2"
    fi
    lay 644 "$2" "$shipped"
}

# Ours has to be in place to be started; what an operator wants otherwise belongs into a drop-in, which stays.
unit() { # NAME
    local from=$here/deploy/systemd/$1 to=$units/$1 shipped=$opt/share/$1
    if [ -e "$to" ] && ! cmp -s "$to" "$from" && ! cmp -s "$to" "$shipped"; then
        save "$to" "$etc/$1.saved"
        say "    (changes of your own belong into a drop-in: systemctl edit $1)"
    fi
    lay 644 "$from" "$to"
    lay 644 "$from" "$shipped"
}

save() { # FILE COPY: none that was saved before is lost
    say "${1#"$root"} is not what install.sh laid: it is ${2#"$root"} from now on"
    if ! cmp -s "$1" "$2"; then act cp -p --backup=numbered "$1" "$2"; fi
}

show_difference() { # OLD NEW
    diff -U0 --label "$1" --label 'this release' <(settings_of "$1") <(settings_of "$2") | grep -v '^@@' | sed 's/^/    /' || true
}

settings_of() { sed -E -f "$here/deploy/mask.sed" "$1" | grep -Ev '^[[:space:]]*(#|$)' || true; }

configure_collector() {
    if [ -z "$root" ]; then owners=(-o root -g "$user"); fi
    configure 640 "$here/collector.toml.example" "$etc/collector.toml" "$etc/collector.toml.new" collector.toml.example
    owners=()
    if [ -z "$root$dry" ] && ! setpriv --reuid="$user" --regid="$user" --init-groups test -r "$etc/collector.toml"; then
        say "attention: $user cannot read $etc/collector.toml: chgrp $user $etc/collector.toml; chmod 640 $etc/collector.toml"
    fi
    # logrotate and some crons read whatever lies beside: their .new lie elsewhere.
    configure 644 "$here/deploy/logrotate/pganalytics" "$root/etc/logrotate.d/pganalytics" "$etc/logrotate.new" logrotate
    unit pganalytics-collector.service
    unit pganalytics-collector.timer
}

secret() { head -c 48 /dev/urandom | base64 -w0; }

configure_backend() {
    unit pganalytics-api.service
    if [ -e "$etc/config.toml" ]; then return; fi
    if [ -n "$dry" ]; then
        say "would write $etc/config.toml, with secrets made for this host"
        return
    fi
    (umask 077 && sed "s|@JWT_SECRET_KEY@|$(secret)|; s|@REGISTRATION_SECRET@|$(secret)|" "$here/deploy/config.toml" >"$etc/config.toml.part")
    if [ -z "$root" ]; then chown "root:$user" "$etc/config.toml.part"; fi
    chmod 640 "$etc/config.toml.part"
    mv "$etc/config.toml.part" "$etc/config.toml"
}

cron_file() { configure 644 "$here/deploy/cron/pganalytics" "$cron" "$etc/cron.new" cron; }

by_cron() {
    if [ -z "$root" ] && ! command -v cron crond >/dev/null && [ ! -x /usr/sbin/cron ] && [ ! -x /usr/sbin/crond ]; then
        say "attention: there is no cron daemon on this host; install one, or take --timer"
    fi
    cron_file
    if systemd_runs; then act systemctl disable --now --quiet pganalytics-collector.timer; fi
}

by_timer() {
    if [ -e "$cron" ] && ! cmp -s "$cron" "$opt/share/cron"; then
        save "$cron" "$etc/cron.saved"
    fi
    act rm -f "$cron"
    if systemd_runs; then
        act systemctl enable --now --quiet pganalytics-collector.timer
        act systemctl restart pganalytics-collector.timer # it may be another one now
    elif [ -z "$root" ]; then
        say "attention: systemd does not run here: nothing starts the timer"
    fi
}

# Units of 3.x were processes that stay, wanted at boot: one of these beside cron or the timer would be a second schedule.
forget_old_schedule() {
    if systemd_runs && systemctl is-active --quiet pganalytics-collector.service; then # no run of ours is ever `active`
        act systemctl stop pganalytics-collector.service
    fi
    act rm -f "$units"/*.wants/pganalytics-collector.service
}

start_cycles() {
    if [ -n "$schedule" ]; then forget_old_schedule; fi
    if systemd_runs; then act systemctl daemon-reload; fi
    case $schedule in
        '') if [ -e "$cron" ]; then cron_file; fi ;;
        cron) by_cron ;;
        timer) by_timer ;;
    esac
    # Earlier releases were started from the crontab of a user.
    for other in root "$user"; do
        if [ -z "$root" ] && [ -n "$schedule" ] && crontab -l -u $other 2>/dev/null | grep -v '^ *#' | grep -q /pganalytics; then
            say "attention: the crontab of $other starts it too; take that line out (crontab -e -u $other)"
        fi
    done
}

next_steps() {
    if [ "$program" = pganalytics-api ]; then
        say "next: set database_url in /etc/pganalytics/config.toml, then: systemctl enable --now pganalytics-api (after an upgrade: systemctl restart pganalytics-api)"
    elif cmp -s "$etc/collector.toml" "$opt/share/collector.toml.example"; then
        say "next: edit /etc/pganalytics/collector.toml; pganalytics --validate-config; pganalytics register; pganalytics check; then install.sh --cron or --timer"
    elif [ -z "$schedule" ] && [ ! -e "$cron" ] && ! { systemd_runs && systemctl is-enabled --quiet pganalytics-collector.timer; }; then
        say "next: install.sh --cron or --timer: nothing starts a cycle yet"
    fi
}

find_program
may_install
make_user
make_directories
install_program
link_program
drop_oldest
install_tools
if [ "$program" = pganalytics ]; then
    configure_collector
    start_cycles
else
    configure_backend
    if systemd_runs; then act systemctl daemon-reload; fi
fi
next_steps
