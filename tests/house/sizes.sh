#!/bin/sh
# tests/house/sizes.sh - how long things may be, how files begin, and what no file may hold.
#
# usage: sizes.sh [ROOT]

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"
cd "${1:-$here/../..}" || exit 1

code=$(sources . '*.c' '*.h' '*.cu')

# A function's body is from a brace in column 0 to a closing brace in column 0: clang-format sees
# to that.
check_code()
{
    # shellcheck disable=SC2016 # $0 is awk's
    echo "$code" | tr '\n' '\0' | xargs -0 -r awk '
        function end_file() {
            if (lines > 1000)
                print file ": " lines " lines, more than 1000"
        }
        FNR == 1 {
            end_file()
            file = FILENAME
            start = 0
            if ($0 !~ /^(\/\*|\/\/) .+/)
                print file ":1: the first line does not say what the file is"
            else if ($2 ~ /\.(c|h|cu)$/ && $2 != file && "include/" $2 != file)
                print file ":1: calls itself " $2
        }
        { lines = FNR }
        /^\{$/ { start = FNR }
        /^\}$/ && start {
            if (FNR - start + 1 > 100)
                print file ":" start ": a function of " FNR - start + 1 " lines, more than 100"
            start = 0
        }
        END { end_file() }'
}

# x.c goes with x.h of its own folder or of include/weft, and with no other file of that name. Examples
# are named for their readers.
check_names()
{
    echo "$code" | grep -v '^examples/' | awk -F / '
        {
            folder = $0
            sub(/\/?[^\/]*$/, "", folder)
            stem = $NF
            sub(/\.[a-z]*$/, "", stem)
        }
        $NF in seen { print $0 ": " seen[$NF] " has the same name" }
        { seen[$NF] = $0 }
        folder == "include/weft" { next }
        stem in home && home[stem] != folder { print $0 ": " home[stem] "/ has a file of that base name" }
        { home[stem] = folder }'
}

# Paths of the machine that something was made on (mktemp excepted), and notes to oneself. The
# brackets keep this file from finding itself.
check_text()
{
    sources . '*' | tr '\n' '\0' |
        xargs -0 -r grep -nIE '/wor[k]/|/hom[e]/|/tm[p]/|\<(TOD[O]|FIXM[E])\>' /dev/null |
        grep -vE 'mktemp|mkdtemp|mkstemp' | cut -c 1-200 | sed 's/^/no such text: /'
}

report "$(
    check_code
    check_names
    check_text
)"
