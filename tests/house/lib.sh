# shellcheck shell=sh # sourced, not run
# tests/house/lib.sh - which files the rules of the house are about.

# sources ROOT NAME...: files under ROOT that match one of the patterns, one a line, relative to
# ROOT, without version control and build folders. A tree without git gives the same answer.
sources()
{
    (
        cd "$1" || exit 1
        shift
        for pattern in "$@"; do
            find . -name .git -prune -o -path './build*' -prune -o \
                -type f -name "$pattern" -print
        done | sed 's|^\./||' | LC_ALL=C sort
    )
}

# report TEXT: print the violations, if there are any, and leave with the verdict.
report()
{
    [ -n "$1" ] || exit 0
    printf '%s\n' "$1"
    exit 1
}
