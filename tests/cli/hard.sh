#!/bin/sh
# tests/cli/hard.sh - what must end in one clear line: every reader against hostile files, every
# writer against targets that cannot be written.
#
# usage: hard.sh WEFT SOURCE_ROOT
#
# Each file is given to the command that reads its kind. Expected: exit status 3 (1 for what cannot
# be written), nothing on stdout, one line on stderr that names the file and what is wrong, and the
# output file of before. At the end, what Ctrl-C leaves.
set -u
weft=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
batch=$2/examples/batches/vlm-mixed.jsonl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1
n_tests=0
n_failed=0

fail()
{
    n_failed=$((n_failed + 1))
    echo "FAILED: $1"
    sed 's/^/  | /' stdout stderr | cut -c1-300
}

# expect WHAT STATUS PATTERN: of the command just run, whose status is $status.
expect()
{
    n_tests=$((n_tests + 1))
    if [ "$status" != "$2" ]; then
        fail "$1: exit status $status, expected $2"
    elif [ -s stdout ] || [ "$(wc -l <stderr)" != 1 ]; then
        fail "$1: expected nothing on stdout and one line on stderr"
    elif ! grep -Eq "$3" stderr; then
        fail "$1: expected /$3/"
    elif [ "$(cat out.json)" != before ]; then
        fail "$1: the output file has changed"
    elif [ -n "$(find . -name 'out.json?*')" ]; then
        fail "$1: a temporary file is left: $(find . -name 'out.json?*')"
    fi
    echo before >out.json
}

# read_as KIND FILE: give the file to a command that reads it.
read_as()
{
    case $1 in
    model) set -- plan --model "$2" --cluster h800 --batch "$batch" -o out.json ;;
    cluster) set -- plan --model vlm-s --cluster "$2" --batch "$batch" -o out.json ;;
    recipe) set -- plan --model vlm-s --cluster h800 --recipe "$2" --batch "$batch" -o out.json ;;
    layout) set -- plan --model vlm-s --cluster h800 --layout "$2" --batch "$batch" -o out.json ;;
    batch) set -- plan --model vlm-s --cluster h800 --batch "$2" -o out.json ;;
    problem) set -- plan --problem "$2" -o out.json ;;
    plan) set -- check "$2" ;;
    timeline) set -- show --measured "$2" -o out.json good.json ;;
    esac
    "$weft" "$@" <input >stdout 2>stderr
    status=$?
}

# reads KIND FAULT PATTERN [STATUS]: the file named FAULT must be refused.
reads()
{
    read_as "$1" "$2"
    expect "$1 $2" "${4:-3}" "^weft: '?$2'?(:[0-9:]*)? $3"
}

# header KIND VERSION REVISION [MORE]: a file of one line; whatever the kind, its header is read.
header()
{
    printf '{"format":"weft.%s","version":%s,"revision":%s%s}\n' "$1" "$2" "$3" "${4-}"
}

# sample FILE TEXT: a batch whose second line has this in it.
sample()
{
    printf '{"id":"a","text_tokens":10}\n{"id":"b",%s}\n' "$2" >"$1"
}

nest()
{
    awk -v text="$1" 'BEGIN { for (i = 0; i < 65; i++) printf "%s", text }'
}

# What is no file of any kind.
read_nothing()
{
    case $1 in
    model | cluster | recipe)
        reads "$1" missing "is neither a file nor a shipped $1" 2
        reads "$1" directory "is neither a file nor a shipped $1" 2
        ;;
    *)
        reads "$1" missing 'cannot read: no such file or directory' 3
        reads "$1" directory 'cannot read: is a directory' 3
        ;;
    esac
    reads "$1" sparse '.*536870912'
    reads "$1" long_line 'line of 17000000 bytes, the limit is 16777216'
    reads "$1" binary 'a NUL byte'
    [ "$(id -u)" = 0 ] || reads "$1" unreadable '.*permission denied' 1
}

read_headers()
{
    printf '{"format":"weft.%s","x_a":%s%s}\n' "$1" "$(nest '[')" "$(nest ']')" >depth_65
    header "$1" 1 NaN >nan
    header "$1" 1 1e999 >infinite
    header "$1" 1 -1 >negative
    header "$1" 1 99999999999999999999 >beyond_64_bits
    header "$1" 1 0.5 >fraction
    header "$1" 1 '"0"' >string
    header "$1" 2 0 >newer
    header nothing 1 0 >other_format
    header "$1" 1 0 ',"version":1' >duplicate
    header "$1" 1 0 ',"colour":1' >unknown_key
    header "$1" 1 0 | head -c 40 >truncated
    reads "$1" depth_65 'nested deeper than 64'
    reads "$1" empty 'not valid JSON'
    reads "$1" nan "not valid JSON: .*'NaN'"
    reads "$1" infinite "not valid JSON: .*'1e999'"
    reads "$1" negative '\$\.revision: expected an integer of at least 0, found -1'
    reads "$1" beyond_64_bits 'not valid JSON: an integer beyond 64 bits'
    reads "$1" fraction '\$\.revision: expected an integer, found 0.5'
    reads "$1" string '\$\.revision: expected an integer, found .(0|none).'
    reads "$1" newer "\\\$\\.version: version 2 of weft.$1 is newer than version 1"
    reads "$1" other_format "\\\$\\.format: .*weft.nothing"
    reads "$1" duplicate "not valid JSON: duplicate key near '\"version\"'"
    reads "$1" unknown_key '\$\.colour: unknown key'
    reads "$1" truncated 'not valid JSON'
}

read_samples()
{
    sample depth_65 "\"meta\":$(nest '[')$(nest ']')"
    sample nan '"text_tokens":NaN'
    sample infinite '"audio_seconds":1e999'
    sample negative '"text_tokens":-1'
    sample huge '"text_tokens":9007199254740992'
    sample negative_seconds '"videos":[{"seconds":-1,"width":4,"height":4}]'
    sample duplicate '"id":"c"'
    sample unknown_key '"colour":1'
    sample string '"images":"none"'
    reads batch depth_65 'nested deeper than 64'
    reads batch empty '.*'
    reads batch nan "not valid JSON: .*'NaN'"
    reads batch infinite "not valid JSON: .*'1e999'"
    reads batch negative '\$\.text_tokens: expected .*, found -1'
    reads batch huge '\$\.text_tokens: expected .*, found 9007199254740992'
    reads batch negative_seconds '\$\.videos\[0\]\.seconds: expected .*, found -1'
    reads batch duplicate "not valid JSON: duplicate key near '\"id\"'"
    reads batch unknown_key '\$\.colour: unknown key'
    reads batch string '\$\.images: expected an array, found .(0|none).'
}

# writes WHAT TARGET ARGUMENT...: a command that cannot write there fails with status 1.
writes()
{
    what=$1
    target=$2
    shift 2
    "$weft" "$@" -o "$target" </dev/null >stdout 2>stderr
    status=$?
    sed '/^weft: note: /d' stderr >lines && mv lines stderr
    expect "$what to $target" 1 "^weft: $target: cannot write: "
}

# prints WHAT ARGUMENT...: a command whose standard output is full fails with status 1.
prints()
{
    what=$1
    shift
    : >stdout
    "$weft" "$@" </dev/null >/dev/full 2>stderr
    status=$?
    expect "$what to a full stdout" 1 '^weft: (stdout: )?cannot write'
}

# interrupts WHAT ARGUMENT...: Ctrl-C in a plan of a hundred seconds; the best so far is written.
interrupts()
{
    what=$1
    shift
    n_tests=$((n_tests + 1))
    "$weft" "$@" --time-limit 100 -o late.json </dev/null >stdout 2>stderr &
    pid=$!
    # Until it catches SIGINT, whose bit is 2. Before it is weft, it is a copy of this shell, which
    # catches SIGINT too and would lose it.
    while status=$(sed -n 's/^\(Name\|SigCgt\):[^0-9a-zA-Z]*//p' /proc/$pid/status) &&
        [ -n "$status" ]; do
        caught=${status##*[!0-9a-f]}
        case $status in weft*) [ $((0x$caught & 2)) = 0 ] || break ;; esac
        sleep 0.02
    done
    kill -INT $pid
    wait $pid
    status=$?
    if [ $status != 130 ] || ! "$weft" check late.json >stdout 2>>stderr; then
        fail "$what interrupted: exit status $status, expected 130 and a plan"
    fi
    rm -f late.json
}

echo before >out.json
: >input
: >empty
mkdir directory read_only
head -c 4096 /bin/sh >binary
truncate -s 600M sparse
head -c 17000000 /dev/zero | tr '\0' 'x' >long_line
echo before >unreadable
chmod 000 unreadable
chmod 555 read_only
"$weft" plan --synthetic 'pp=2 microbatches=2 fw=1 bw=2' --iterations 1 -o good.json 2>stderr

for kind in model cluster recipe layout problem plan timeline; do
    read_nothing $kind
    read_headers $kind
done
read_nothing batch
read_samples

set -- plan --synthetic 'pp=2 microbatches=2 fw=1 bw=2' --iterations 1
prints plan "$@"
prints 'plan --json' "$@" --json
prints 'plan -o -' "$@" -o -
prints show show good.json
prints check check good.json
prints export export --format chrome good.json
prints help help
prints version version
for target in /dev/full no/folder.json directory; do
    writes plan "$target" "$@"
    writes show "$target" show good.json
    writes export "$target" export --format chrome good.json
    writes partition "$target" partition --model vlm-s --cluster h800 --gpus 16 --batch "$batch" \
        --microbatches 4 --iterations 1
done
[ "$(id -u)" = 0 ] || writes plan read_only/plan.json "$@"
interrupts 'a line of text' plan --synthetic \
    'pp=8 microbatches=64 fw=18522 bw=27423 bww=9337 limit=5 vary=0.5 seed=3'
interrupts 'a batch' plan --model vlm-s --cluster h800 --gpus 16 --batch "$batch" --microbatches 32
echo "$n_tests command lines, $n_failed failed"
[ $n_failed = 0 ]
