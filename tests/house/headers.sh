#!/bin/sh
# tests/house/headers.sh - every header compiles alone, before anything else was included.
#
# usage: headers.sh c|c++ [ROOT]
# c: public and internal headers as C11. c++: public headers as C++; status 77 without a compiler.

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"
language=$1
root=${2:-$here/../..}
warnings='-Wall -Wextra -pedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror'
cd "$root" || exit 1

# Headers of the runtime may include those of MPI.
mpi=$(pkg-config --cflags ompi-c 2>/dev/null | sed 's/-I/-isystem /g')

if_mpi()
{
    if [ -n "$mpi" ]; then cat; else grep -v '^runtime/mpi_own.h$'; fi
}

# compile COMMAND...: the headers named on standard input. Empty input compiles nothing.
compile()
{
    tr '\n' '\0' | xargs -0 -r -n 16 -P 2 "$@"
}

case $language in
c)
    # shellcheck disable=SC2086
    sources include '*.h' | sed 's|^|include/|' |
        compile "${CC:-cc}" -std=c11 $warnings -fsyntax-only -Iinclude -x c || exit 1
    # shellcheck disable=SC2086
    sources . '*.h' | grep -v '^include/' | if_mpi | compile "${CC:-cc}" -std=c11 $warnings \
        -D_GNU_SOURCE -fsyntax-only -Iinclude -I. $mpi -x c || exit 1
    ;;
c++)
    for compiler in "${CXX:-c++}" g++ clang++; do
        echo 'int main() { return 0; }' | "$compiler" -fsyntax-only -x c++ - 2>/dev/null && break
        compiler=
    done
    if [ -z "$compiler" ]; then
        echo 'no C++ compiler: skipped'
        exit 77
    fi
    # shellcheck disable=SC2086
    sources include '*.h' | sed 's|^|include/|' |
        compile "$compiler" -std=c++11 $warnings -fsyntax-only -Iinclude -x c++ || exit 1
    ;;
*)
    echo 'usage: headers.sh c|c++ [ROOT]' >&2
    exit 2
    ;;
esac
