#!/bin/sh
# tests/house/run_selftest.sh - does tests/run.sh count what failed, and say so in its last line?
#
# meson and ninja are stood in for by scripts that succeed or fail as the environment says.

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_wrong=0

mkdir "$work/bin"
cat >"$work/bin/meson" <<'EOF'
#!/bin/sh
case $1 in
setup) exit "$SETUP" ;;
test)
    folder=$3
    mkdir -p "$folder/meson-logs"
    for result in $RESULTS; do
        echo '{"name": "x", "stdout": "\"result\": \"FAIL\"", "result": "'"$result"'"}'
    done >"$folder/meson-logs/weft$LOG.json"
    exit "$TEST"
    ;;
esac
EOF
cat >"$work/bin/ninja" <<'EOF'
#!/bin/sh
exit "$NINJA"
EOF
chmod +x "$work/bin/meson" "$work/bin/ninja"

# expect LAST_LINE STATUS VARIABLE=VALUE...: run the one stage in a world like that.
expect()
{
    line=$1
    status=$2
    shift 2
    rm -rf "$work/build"
    (
        cd "$work" || exit 1
        env PATH="$work/bin:$PATH" WEFT_NO_INSTALL=1 SETUP=0 NINJA=0 TEST=0 RESULTS='OK OK' LOG= \
            WEFT_BUILD_ROOT=build "$@" sh "$top/tests/run.sh" gcc
    ) >"$work/log" 2>&1
    got=$?
    if [ "$(tail -n 1 "$work/log")" = "$line" ] && [ "$got" = "$status" ]; then return; fi
    n_wrong=$((n_wrong + 1))
    echo "expected '$line', status $status with $*; status $got and:"
    cat "$work/log"
}

expect '2 passed, 0 failed' 0
expect '2 passed, 0 failed' 0 LOG=-wrapper
expect '1 passed, 0 failed, 1 skipped' 0 RESULTS='OK SKIP'
expect '1 passed, 3 failed' 1 RESULTS='FAIL OK TIMEOUT ERROR' TEST=3
expect '0 passed, 1 failed' 1 SETUP=1
expect '0 passed, 1 failed' 1 NINJA=1
# Broken off after two good tests; no tests; only skipped ones.
expect '2 passed, 1 failed' 1 TEST=1
expect '0 passed, 1 failed' 1 RESULTS=
expect '0 passed, 1 failed, 1 skipped' 1 RESULTS=SKIP

if sh "$top/tests/run.sh" --no-such-flag >/dev/null 2>&1; then
    echo 'an unknown flag was taken'
    n_wrong=$((n_wrong + 1))
fi
[ "$n_wrong" = 0 ]
