#!/bin/sh
# tests/house/selftest.sh - do the rules of the house catch what they are there to catch?
#
# A small tree that keeps every rule must pass; then violations are planted in it, one at a time,
# and the script in question must name each.

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
unseen=$work/unseen
: >"$unseen"

# put FILE: standard input becomes this file of the tree.
put()
{
    mkdir -p "$(dirname "$tree/$1")"
    cat >"$tree/$1"
}

plant_good_tree()
{
    rm -rf "${tree:?}"/*
    put include/weft/good.h <<'EOF'
/* weft/good.h - a header that is as it should be. */
#ifndef WEFT_GOOD_H
#define WEFT_GOOD_H
#ifdef __cplusplus
extern "C" {
#endif
__attribute__((visibility("default"))) int weft_good(int x);
#ifdef __cplusplus
}
#endif
#endif
EOF
    put base/inner.h <<'EOF'
/* base/inner.h - an internal header that is as it should be. */
#ifndef WEFT_BASE_INNER_H
#define WEFT_BASE_INNER_H
__attribute__((visibility("hidden"))) int weft_i_inner(int x);
#endif
EOF
    put base/inner.c <<'EOF'
/* base/inner.c - a source that is as it should be. */
#include "base/inner.h"

#include <jansson.h>

int weft_i_inner(int x)
{
    return x + 1;
}
EOF
    put plan/good.c <<'EOF'
/* plan/good.c - a source of the next layer. */
#include "weft/good.h"

#include <stdio.h>

#include "base/inner.h"

static const int table[] = {1, 2, 3};

int weft_good(int x)
{
    char text[20];
    snprintf(text, sizeof text, "%d", x);
    return weft_i_inner(x) + table[x & 1] + text[0];
}
EOF
    put partition/cut.c <<'EOF'
/* partition/cut.c - the one file with METIS. */
#include <metis.h>
EOF
    put cli/cmd_good.c <<'EOF'
/* cli/cmd_good.c - a command. */
#include <weft/good.h>
EOF
}

# check EXPECTED SCRIPT ARGUMENT...: EXPECTED is a text that must be printed, or "ok".
check()
{
    expected=$1
    shift
    printed=$(sh "$@" 2>&1)
    status=$?
    if [ "$expected" = ok ]; then
        [ "$status" = 0 ] && return
    elif [ "$status" = 1 ] || [ "$status" = 123 ]; then
        case $printed in *"$expected"*) return ;; esac
    fi
    # A file, since most checks stand at the end of a pipe, in a shell of their own.
    echo "expected '$expected' of $1, status $status: $printed" >>"$unseen"
}

# caught EXPECTED SCRIPT FILE: plant standard input as FILE, check, and restore the tree.
caught()
{
    put "$3"
    case $2 in
    headers.sh*) check "$1" "$here/headers.sh" "${2#* }" "$tree" ;;
    *) check "$1" "$here/$2" "$tree" ;;
    esac
    plant_good_tree
}

plant_good_tree
check ok "$here/includes.sh" "$tree"
check ok "$here/headers.sh" c "$tree"
check ok "$here/sizes.sh" "$tree"
check ok "$here/roots.sh" "$tree"

first='/* base/bad.c - planted. */'
include()
{
    printf '/* %s - planted. */\n#include %s\n' "$1" "$2"
}
include base/bad.c '"plan/graph.h"' | caught 'base may not include plan' includes.sh base/bad.c
include base/bad.c '"inner.h"' | caught 'is not written "folder/file.h"' includes.sh base/bad.c
include base/bad.c '"../plan/x.h"' | caught 'is not written' includes.sh base/bad.c
include plan/bad.c '"plan/export/svg.h"' | caught 'plan may not include plan/export' includes.sh plan/bad.c
include profiles/bad.c '"plan/graph.h"' | caught 'profiles may not include plan' includes.sh profiles/bad.c
include search/bad.c '"emu/op.h"' | caught 'search may not include emu' includes.sh search/bad.c
include runtime/bad.c '"search/mcts.h"' | caught 'runtime may not include search' includes.sh runtime/bad.c
include cli/bad.c '"base/inner.h"' | caught 'cli may not include base' includes.sh cli/bad.c
include bench/bad.c '"search/net.h"' | caught 'bench may not include search' includes.sh bench/bad.c
include bench/speed/bad.c '"emu/op.h"' | caught 'bench/speed may not include emu' includes.sh \
    bench/speed/bad.c
echo x | caught 'left: not among the agreed entries' roots.sh left/over.c
include include/weft/bad.h '"base/inner.h"' | caught 'include may not include base' includes.sh \
    include/weft/bad.h
include plan/bad.c '<jansson.h>' | caught '<jansson.h> belongs in base' includes.sh plan/bad.c
include partition/bad.c '<metis.h>' | caught 'already' includes.sh partition/bad.c
include search/bad.h '<glpk.h>' | caught '<glpk.h> belongs in a .c file' includes.sh search/bad.h
include emu/bad.c '<mpi.h>' | caught '<mpi.h> belongs in runtime' includes.sh emu/bad.c
include emu/bad.c '<cuda_runtime.h>' | caught '<cuda_runtime.h> belongs in' includes.sh emu/bad.c
include emu/bad.c 'NAME' | caught 'without a name' includes.sh emu/bad.c

echo 'int weft_bad(size_t n);' | caught 'size_t' 'headers.sh c' include/weft/bad.h
echo 'size_t weft_i_bad(void);' | caught 'size_t' 'headers.sh c' base/bad.h
echo 'int weft_bad(int class);' >"$tree/bad.h"
if sh "$here/headers.sh" c++ "$tree" >/dev/null 2>&1; then
    echo 'int weft_bad(int class);' | caught 'class' 'headers.sh c++' include/weft/bad.h
fi
rm -f "$tree/bad.h"

{ echo "$first" && yes ';' | head -n 1000; } | caught '1001 lines' sizes.sh base/bad.c
{ echo "$first" && echo 'int f(void)' && echo '{' && yes '    ;' | head -n 99 && echo '}'; } |
    caught 'a function of 101 lines' sizes.sh base/bad.c
{ echo "$first" && echo 'int f(void)' && echo '{' && yes '    ;' | head -n 98 && echo '}'; } |
    caught ok sizes.sh base/bad.c
echo 'int x;' | caught 'first line does not say' sizes.sh base/bad.c
echo "/* base/other.c - renamed. */" | caught 'calls itself base/other.c' sizes.sh base/bad.c
echo "/* plan/inner.c - again. */" | caught 'has the same name' sizes.sh plan/inner.c
echo "/* emu/inner.cu - again. */" | caught 'base name' sizes.sh emu/inner.cu
# In pieces, so that this file does not hold what it plants.
echo "see /ho""me/me/notes" | caught 'no such text' sizes.sh docs/bad.md
echo "out of /wo""rk/x" | caught 'no such text' sizes.sh docs/bad.md
echo "out of /tm""p/x" | caught 'no such text' sizes.sh docs/bad.md
echo "TO""DO: more" | caught 'no such text' sizes.sh docs/bad.md
echo "FIX""ME" | caught 'no such text' sizes.sh docs/bad.md

cp "$here/../../.clang-format" "$tree/.clang-format"
sh "$here/format.sh" "$tree" >"$work/log" 2>&1
if [ $? != 77 ]; then
    check ok "$here/format.sh" "$tree"
    printf '%s\nint  x;\n' "$first" | caught 'clang-formatted' format.sh base/bad.c
fi

# object FILE: compile standard input.
object()
{
    cc -O2 -w -fvisibility=hidden -fPIC -I"$tree/include" -I"$tree" -x c -c - -o "$work/$1" ||
        echo "cannot compile $1" >>"$unseen"
}

# names EXPECTED: with standard input as one more source of the library.
names()
{
    object planted.c.o
    cc -shared "$work"/*.o -o "$work/libweft.so"
    rm -f "$work/libweft.a"
    ar rc "$work/libweft.a" "$work"/*.o
    check "$1" "$here/names.sh" "$work/libweft.so" "$work/libweft.a"
}

grep -v jansson "$tree/base/inner.c" | object inner.c.o
object good.c.o <"$tree/plan/good.c"
public='__attribute__((visibility("default")))'
names ok </dev/null
echo "$public int other(void) { return 1; }" | names 'exported without weft_: other'
echo "$public int weft_i_x(void) { return 1; }" | names 'internal but exported: weft_i_x'
echo "int other(void) { return 1; }" | names 'global without weft_: other'
io='#include <stdio.h>
#include <stdlib.h>
void weft_i_x(int n) '
echo "$io { printf(\"%d\", n); }" | names 'planted.c.o calls or uses printf'
echo "$io { printf(\"x\"); }" | names 'calls or uses putchar'
printf '%s\n' "$io"' { printf("text\n"); }' | names 'calls or uses puts'
echo "$io { perror(\"x\"); }" | names 'calls or uses perror'
echo "$io { fprintf(stderr, \"%d\", n); }" | names 'calls or uses stderr'
echo "$io { fprintf(stdout, \"%d\", n); }" | names 'uses stdout'
echo "$io { exit(n); }" | names 'calls or uses exit'
echo "$io { if (n) abort(); }" | names 'calls or uses abort'
echo "int MPI_Init(void *, void *); int weft_i_x(void) { return MPI_Init(0, 0); }" |
    names 'uses the runtime: MPI_Init'
echo "int weft_i_x(void) { static int n; return ++n; }" | names 'global state: n'
echo "int weft_i_x(void) { static _Thread_local int n; return ++n; }" | names 'global state: n'
echo "#define _FORTIFY_SOURCE 2
$io { printf(\"%d\", n); }" | names 'calls or uses __printf_chk'
check 'no library' "$here/names.sh" none.so none.a

# abi EXPECTED: the library exports weft_good and weft_other; standard input is its header.
abi()
{
    cat >"$work/abi.h"
    check "$1" "$here/abi.sh" "$work/libabi.so" "$work/abi.h"
}

printf '%s\n' "$public int weft_good(int x) { return x; }" \
    "$public void *weft_other(void) { return 0; }" | object abi.o
cc -shared "$work/abi.o" -o "$work/libabi.so"
good='WEFT_API int weft_good(int x);'
other='/* weft_third( is no declaration. */
WEFT_API void *
weft_other(void);'
printf '%s\n' "$good" "$other" | abi ok
printf '%s\n' "$good" | abi 'exported, but in no header: weft_other'
printf '%s\n' "$good" "$other" 'WEFT_API int weft_third(void);' |
    abi 'declared, but not exported: weft_third'
printf '%s\n' "$good" "$other" "$good" | abi 'declared twice: weft_good'
check 'usage' "$here/abi.sh" none.so none.h

if [ -s "$unseen" ]; then
    cat "$unseen"
    exit 1
fi
echo 'every planted violation was caught'
