#!/bin/sh
# tests/installed.sh - does an installed weft work? Headers, pkg-config, both libraries, command.
#
# usage: installed.sh PREFIX
set -eu

prefix=$1
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pkgconfig=$(dirname "$(find "$prefix" -name weft.pc)")
library=$(dirname "$pkgconfig")
export PKG_CONFIG_PATH="$pkgconfig"
export LD_LIBRARY_PATH="$library"

# Every public header was installed.
for header in "$top"/include/weft/*.h; do
    [ -f "$prefix/include/weft/${header##*/}" ] || {
        echo "not installed: weft/${header##*/}"
        exit 1
    }
done

cat >"$work/smallest.c" <<'EOF'
/* The smallest program that uses the library. */
#include <stdio.h>
#include <weft/status.h>

int main(void)
{
    return puts(weft_status_text(WEFT_STATUS_OK)) < 0;
}
EOF

# compile SOURCE: one program with each of the two libraries. What pkg-config prints is quoted for a
# shell, so a shell has to read it.
compile()
{
    # shellcheck disable=SC2034 # used inside eval
    out=$work/$(basename "$1" .c)
    shared=$(pkg-config --cflags --libs weft)
    static=$(pkg-config --static --libs weft | sed 's/-lweft\( \|$\)//')
    eval "cc -Wall -Wextra -Werror \"\$1\" -o \"\$out-shared\" $shared"
    eval "cc \"\$1\" -o \"\$out-static\" \"\$library/libweft.a\"" \
        "$(pkg-config --cflags weft)" "$static"
}

compile "$work/smallest.c"
[ "$("$work/smallest-shared")" = ok ]
[ "$("$work/smallest-static")" = ok ]
for source in "$top"/examples/*.c; do
    if [ -f "$source" ]; then compile "$source"; fi
done

if [ -x "$prefix/bin/weft" ]; then "$prefix/bin/weft" version; fi
echo "installed weft works"
