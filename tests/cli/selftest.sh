#!/bin/sh
# tests/cli/selftest.sh - does run_golden.sh see each kind of difference, and does --refresh mend it?

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_wrong=0

# A command that says what it was told to say: out TEXT, err TEXT, file NAME TEXT, leave STATUS.
cat >"$work/weft" <<'EOF'
#!/bin/sh
case $1 in
out) echo "$2" ;;
err) echo "$2" >&2 ;;
file) echo "$3" >"$2" ;;
leave) exit "$2" ;;
esac
EOF
chmod +x "$work/weft"
export WEFT_CASES="$work/cases"

# golden EXPECTED_STATUS [ARGUMENT...]
golden()
{
    expected=$1
    shift
    sh "$here/run_golden.sh" --weft "$work/weft" "$@" >"$work/log" 2>&1
    status=$?
    [ "$status" = "$expected" ] && return
    n_wrong=$((n_wrong + 1))
    echo "status $status, expected $expected, of: $what"
    cat "$work/log"
}

# A fresh case that passes; its expectations are then spoilt.
fresh()
{
    what=$1
    rm -rf "$work/cases"
    mkdir -p "$work/cases/one/expect"
    cat >"$work/cases/one/cmd" <<'EOF'
weft out "took 12 ms"
weft err warning
weft file made.txt "$(ls top/LICENSE)"
weft leave 3
EOF
    echo 's/[0-9]* ms/N ms/' >"$work/cases/one/filter"
    echo 'took N ms' >"$work/cases/one/stdout"
    echo warning >"$work/cases/one/stderr"
    echo 3 >"$work/cases/one/exit"
    echo top/LICENSE >"$work/cases/one/expect/made.txt"
}

fresh 'a case as it should be'
golden 0
golden 0 one

for file in stdout stderr exit expect/made.txt; do
    fresh "another $file"
    echo 9 >"$work/cases/one/$file"
    golden 1
    if ! grep -q '^one: FAILED' "$work/log"; then
        echo "the failed case is not named: $what"
        n_wrong=$((n_wrong + 1))
    fi
    golden 0 --refresh one
    golden 0
    fresh "no $file"
    rm "$work/cases/one/$file"
    # Without a name in expect/ nobody asked for the file.
    if [ "$file" != expect/made.txt ]; then golden 1; fi
done

fresh 'an expected file that is not written'
echo x >"$work/cases/one/expect/never.txt"
golden 1

fresh 'no filter'
rm "$work/cases/one/filter"
golden 1

fresh 'refresh leaves out what is empty'
echo 'weft leave 0' >"$work/cases/one/cmd"
rm -r "$work/cases/one/expect"
golden 0 --refresh
golden 0
for file in stdout stderr exit; do
    [ ! -e "$work/cases/one/$file" ] || { echo "$file was left" && n_wrong=$((n_wrong + 1)); }
done

fresh 'a case that does not exist'
golden 1 two

fresh 'an unknown flag'
golden 2 --no-such-flag

[ "$n_wrong" = 0 ]
