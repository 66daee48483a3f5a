#!/bin/sh
# tests/cli/run_golden.sh - runs command lines and compares what they print with what is recorded.
#
# usage: run_golden.sh [--refresh] [--weft PROGRAM] [NAME...]
#
# A case is a folder cases/NAME with
#   cmd      shell lines that call `weft`; they run in a copy of the folder, without standard
#            input, where `top` is a link to the source tree: weft plan --batch top/examples/...
#   stdout   expected output; no such file: none
#   stderr   the same
#   exit     expected exit status; no such file: 0
#   expect/  files that the command must write, under their names
#   filter   sed script for all output, for what differs from run to run
# Without names all cases run. --refresh records what is printed now: read the diff before you
# commit it.

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cases=${WEFT_CASES:-$here/cases}
weft=$top/build/cli/weft
refresh=
while [ $# -gt 0 ]; do
    case $1 in
    --refresh) refresh=1 ;;
    --weft)
        weft=$2
        shift
        ;;
    --help)
        sed -n '/^# usage/,/^$/s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    -*)
        echo "run_golden.sh: unknown argument '$1'; see --help" >&2
        exit 2
        ;;
    *) break ;;
    esac
    shift
done
# shellcheck disable=SC2046 # names of cases have no blanks
[ $# -gt 0 ] || set -- $(cd "$cases" && echo *)

if [ ! -x "$weft" ]; then
    echo "run_golden.sh: no program '$weft'; build it or name it by --weft" >&2
    exit 1
fi
weft=$(cd "$(dirname "$weft")" && pwd)/$(basename "$weft")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir "$work/bin"
ln -s "$weft" "$work/bin/weft"

# run_case FOLDER: run its cmd; leave stdout, stderr, exit and the files of expect/ in $work/got.
run_case()
{
    rm -rf "$work/run" "$work/got"
    mkdir "$work/got"
    cp -R "$1" "$work/run"
    (
        cd "$work/run" || exit 1
        rm -rf stdout stderr exit expect filter
        ln -s "$top" top
        env PATH="$work/bin:$PATH" LC_ALL=C TZ=UTC TERM=dumb COLUMNS=80 HOME="$work/run" \
            sh ./cmd </dev/null >"$work/got/stdout" 2>"$work/got/stderr"
        echo $? >"$work/got/exit"
    )
    if [ -d "$1/expect" ]; then
        mkdir "$work/got/expect"
        for file in "$1"/expect/*; do
            cp "$work/run/${file##*/}" "$work/got/expect" 2>/dev/null
        done
    fi
    [ -f "$1/filter" ] || return
    for file in "$work"/got/stdout "$work"/got/stderr "$work"/got/expect/*; do
        [ -f "$file" ] || continue
        sed -f "$1/filter" "$file" >"$work/filtered" && mv "$work/filtered" "$file"
    done
}

# compare FOLDER: status 1 and the differences where the case printed something else.
compare()
{
    same=0
    for part in stdout stderr exit; do
        expected=$work/expected
        if [ -f "$1/$part" ]; then
            expected=$1/$part
        elif [ "$part" = exit ]; then
            echo 0 >"$expected"
        else
            : >"$expected"
        fi
        diff -u --label "expected $part" --label "$part" "$expected" "$work/got/$part" || same=1
    done
    if [ -d "$1/expect" ]; then diff -ruN "$1/expect" "$work/got/expect" || same=1; fi
    return $same
}

# record FOLDER: what was printed becomes what is expected; a file that says nothing is left out.
record()
{
    for part in stdout stderr; do
        rm -f "$1/$part"
        if [ -s "$work/got/$part" ]; then cp "$work/got/$part" "$1/$part"; fi
    done
    rm -f "$1/exit"
    if [ "$(cat "$work/got/exit")" != 0 ]; then cp "$work/got/exit" "$1/exit"; fi
    if [ -d "$1/expect" ]; then cp "$work/got/expect"/* "$1/expect"; fi
}

n_failed=0
for name in "$@"; do
    if [ ! -f "$cases/$name/cmd" ]; then
        echo "$name: no file cases/$name/cmd"
        n_failed=$((n_failed + 1))
        continue
    fi
    run_case "$cases/$name"
    if [ -n "$refresh" ]; then
        record "$cases/$name"
    elif ! compare "$cases/$name"; then
        echo "$name: FAILED; to see it alone: sh tests/cli/run_golden.sh $name"
        n_failed=$((n_failed + 1))
    fi
done
[ "$n_failed" = 0 ]
