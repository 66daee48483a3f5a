#!/bin/sh
# tests/house/memcheck_selftest.sh - does tests/memcheck.sh see what a child process did wrong?

top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_wrong=0

# A parent that takes no notice of its child, as Criterion does. 'f' forgets what it allocated,
# 'w' writes behind it, 'k' keeps all rules; a digit is the parent's exit status.
cat >"$work/parent.c" <<'EOF'
/* parent.c - see above. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 99;
    pid_t child = fork();
    if (child == 0) {
        volatile char *p = malloc(10);
        if (*argv[1] == 'w')
            p[10] = 1;
        if (*argv[1] != 'f')
            free((void *)p);
        p = NULL;
        exit(0);
    }
    waitpid(child, NULL, 0);
    return atoi(argv[2]);
}
EOF

# expect STATUS MODE PROGRAM ARGUMENT...
expect()
{
    expected=$1
    shift
    sh "$top/tests/memcheck.sh" "$@" >"$work/log" 2>&1
    status=$?
    [ "$status" = "$expected" ] && return
    n_wrong=$((n_wrong + 1))
    echo "status $status, expected $expected, of memcheck.sh $*"
    cat "$work/log"
}

# all MODE PROGRAM
all()
{
    expect 0 "$@" k 0
    expect 1 "$@" f 0
    expect 1 "$@" w 0
    expect 77 "$@" k 77
}

cc -g -O0 "$work/parent.c" -o "$work/plain" || exit 1
if cc -g -O0 -fsanitize=address "$work/parent.c" -o "$work/checked" 2>/dev/null; then
    all sanitizers "$work/checked"
fi
if command -v valgrind >/dev/null; then all valgrind "$work/plain"; fi
expect 2 no-such-mode "$work/plain"
[ "$n_wrong" = 0 ]
