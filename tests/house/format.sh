#!/bin/sh
# tests/house/format.sh - clang-format 14 finds nothing to change. Status 77 without it.
#
# usage: format.sh [ROOT]

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"
cd "${1:-$here/../..}" || exit 1

for formatter in clang-format-14 clang-format ''; do
    "$formatter" --version 2>/dev/null | grep -q 'version 14\.' && break
done
if [ -z "$formatter" ]; then
    echo 'no clang-format of version 14: skipped'
    exit 77
fi
sources . '*.c' '*.h' '*.cu' | tr '\n' '\0' |
    xargs -0 -r -n 16 -P 2 "$formatter" --dry-run -Werror --style=file || exit 1
