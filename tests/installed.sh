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

# Every public header was installed; run_mpi.h only where there is MPI, with libweft-run.
for header in "$top"/include/weft/*.h; do
    [ "${header##*/}" != run_mpi.h ] || [ -f "$pkgconfig/weft-run.pc" ] || continue
    [ -f "$prefix/include/weft/${header##*/}" ] || {
        echo "not installed: weft/${header##*/}"
        exit 1
    }
done

[ -s "$prefix/share/man/man1/weft.1" ] || {
    echo "not installed: weft.1"
    exit 1
}

cat >"$work/smallest.c" <<'EOF'
/* The smallest program that uses the library. */
#include <stdio.h>
#include <weft/status.h>

int main(void)
{
    return puts(weft_status_text(WEFT_STATUS_OK)) < 0;
}
EOF

# compile SOURCE: one program with the shared libraries and one with the static ones. What pkg-config
# prints is quoted for a shell, so a shell has to read it.
compile()
{
    # shellcheck disable=SC2034 # used inside eval
    out=$work/$(basename "$1" .c)
    package=weft
    archives='"$library/libweft.a"'
    if grep -q 'weft/run_mpi.h' "$1"; then
        [ -f "$pkgconfig/weft-run.pc" ] || return 0
        package=weft-run
        archives='"$library/libweft-run.a" "$library/libweft.a"'
    fi
    shared=$(pkg-config --cflags --libs "$package")
    static=$(pkg-config --static --libs "$package" | sed 's/-lweft\(-run\)\{0,1\} \{0,1\}//g')
    eval "cc -std=c11 -pedantic -Wall -Wextra -Werror \"\$1\" -o \"\$out-shared\" $shared -lm"
    eval "cc -std=c11 \"\$1\" -o \"\$out-static\" $archives $(pkg-config --cflags "$package") $static"
}

compile "$work/smallest.c"
[ "$("$work/smallest-shared")" = ok ]
[ "$("$work/smallest-static")" = ok ]
for source in "$top"/examples/*.c; do
    if [ -f "$source" ]; then compile "$source"; fi
done

# A trainer of one rank, with the shared and with the static libraries; mpirun is not needed for it.
if [ -f "$pkgconfig/weft-run.pc" ] && [ -x "$prefix/bin/weft" ]; then
    "$prefix/bin/weft" plan --synthetic 'pp=1 microbatches=2 fw=1 bw=2' -o "$work/plan.json"
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    for kind in shared static; do
        "$work/embed_runtime-$kind" "$work/plan.json" | grep -q '^loss .* serial training'
    done
    exports=$(nm -D --defined-only "$library/libweft-run.so" | grep -v ' weft_run_mpi_[a-z_]*$' || :)
    [ -z "$exports" ] || { echo "libweft-run exports: $exports"; exit 1; }
fi

if [ -x "$prefix/bin/weft" ]; then "$prefix/bin/weft" version; fi
echo "installed weft works"
