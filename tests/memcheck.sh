#!/bin/sh
# tests/memcheck.sh - fails a test whose program, or a child of it, made a memory error or a leak.
#
# usage: memcheck.sh sanitizers|valgrind COMMAND [ARGUMENT...]
#
# Criterion runs each test in a child process and takes no notice of the child's exit status once
# the test has reported, so a leak found at exit would pass. Here every report goes to a folder,
# and the test has failed if the folder holds one. Meant for `meson test --wrapper`.

# shellcheck disable=SC2089,SC2090 # quotes in *_OPTIONS are for the sanitizers, which read them
mode=$1
shift
top=$(cd "$(dirname "$0")/.." && pwd)
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
trap 'exit 130' INT TERM

case $mode in
sanitizers)
    log="log_path='$reports/report'"
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=1:$log"
    UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}halt_on_error=1:print_stacktrace=1:$log"
    LSAN_OPTIONS="${LSAN_OPTIONS:+$LSAN_OPTIONS:}suppressions='$top/tests/lsan.supp'"
    LSAN_OPTIONS="$LSAN_OPTIONS:print_suppressions=0"
    export ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
    "$@"
    status=$?
    ;;
valgrind)
    # Programs of the system that a test calls have leaks of their own.
    valgrind --trace-children=yes --trace-children-skip='/bin/*,/sbin/*,/usr/bin/*,/usr/sbin/*' \
        --leak-check=full --errors-for-leak-kinds=definite --log-file="$reports/all.%p" "$@"
    status=$?
    for file in "$reports"/all.*; do
        if grep -q 'ERROR SUMMARY: [1-9]' "$file"; then mv "$file" "$reports/report.${file##*.}"; fi
    done
    ;;
*)
    echo "usage: memcheck.sh sanitizers|valgrind COMMAND [ARGUMENT...]" >&2
    exit 2
    ;;
esac

for file in "$reports"/report.*; do
    [ -s "$file" ] || continue
    cat "$file" >&2
    [ "$status" != 0 ] || status=1
done
exit "$status"
