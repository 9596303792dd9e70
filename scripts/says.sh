# shellcheck shell=bash
# Sourced by the walks: asks a line of a document, and counts what was answered.

passed=0 failed=0 answer=''
says() { # TITLE PATTERN: whether the line on standard input answers so
    local line
    line=$(cat)
    answer=$(bash -c "$line" 2>&1) || true
    if grep -Eq -- "$2" <<<"$answer"; then
        echo "pass  $1"
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    printf 'FAIL  %s\n      asked:    %s\n      expected: %s\n' "$1" "$line" "$2"
    head -c 1500 <<<"$answer" | sed 's/^/      answered: /'
}
until_then() { # SECONDS COMMAND: polls once a second; what it waited for is asked afterwards
    local end=$((SECONDS + $1))
    until bash -c "$2" >/dev/null 2>&1 || [ $SECONDS -ge $end ]; do sleep 1; done
}
count() { # the last line, and the exit code
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
