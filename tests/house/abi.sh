#!/bin/sh
# tests/house/abi.sh - a shared library exports the functions that its public headers declare with
# WEFT_API, each of them and nothing else.
#
# usage: abi.sh SHARED_LIBRARY HEADER...

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"
library=$1
shift
if [ ! -f "$library" ] || [ $# = 0 ]; then
    echo "usage: abi.sh SHARED_LIBRARY HEADER..., found library '$library' and $# headers"
    exit 1
fi

# The name of a declaration stands before its first parenthesis, on one of the lines after WEFT_API.
declared()
{
    cat "$@" | awk '
        /^#/ { next }
        /^WEFT_API/ { text = ""; is_open = 1 }
        is_open { text = text " " $0 }
        is_open && /\(/ {
            sub(/[ ]*\(.*/, "", text)
            sub(/.*[ *]/, "", text)
            print text " declared"
            is_open = 0
        }'
}

# Names that sanitizers add are not ours.
exported()
{
    nm -D --defined-only "$library" | awk '$NF !~ /^(__|\.)/ { print $NF " exported" }'
}

report "$({
    declared "$@"
    exported
} | LC_ALL=C sort | awk '
    {
        n[$1]++
        is[$1, $2] = 1
    }
    END {
        for (name in n) {
            if (!((name, "declared") in is)) print "exported, but in no header: " name
            if (!((name, "exported") in is)) print "declared, but not exported: " name
            if (n[name] > 2) print "declared twice: " name
        }
    }' | LC_ALL=C sort)"
