#!/bin/sh
# tests/house/includes.sh - which folder may include which: the table that keeps the layers apart.
#
# usage: includes.sh [ROOT]

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"
root=${1:-$here/../..}

violations=$(
    cd "$root" || exit 1
    sources . '*.c' '*.h' '*.cu' '*.cpp' | tr '\n' '\0' |
        xargs -0 grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null | LC_ALL=C sort | awk '
        BEGIN {
            # May include, beside itself and the public headers.
            may["base"] = " "
            may["plan"] = " base "
            may["plan/export"] = " base plan "
            may["profiles"] = " base "
            may["emu"] = " base plan profiles "
            may["partition"] = " base plan profiles emu "
            may["search"] = " base plan "
            may["planner"] = " base plan plan/export profiles emu partition search "
            may["runtime"] = " base plan profiles "
            may["bench/speed"] = " base plan search bench "
            may["include"] = may["cli"] = may["bench"] = may["examples"] = " "
            # Foreign headers and the folders that may have them; once: in one source file only.
            home["jansson.h"] = " base tests "
            home["metis.h"] = " partition "
            home["glpk.h"] = " search "
            once["metis.h"] = once["glpk.h"] = 1
            runtime = " runtime tests "
        }
        function folder_of(path, part) {
            split(path, part, "/")
            if (path ~ "^(plan/export|bench/speed)/")
                return part[1] "/" part[2]
            return part[1]
        }
        function complain(text) {
            print place ": " text
        }
        {
            file = $0
            sub(/:.*/, "", file)
            place = file
            rest = substr($0, length(file) + 2)
            place = place ":" substr(rest, 1, index(rest, ":") - 1)
            if (!match($0, /[<"][^>"]*[>"]/)) {
                complain("an include without a name in quotes or angle brackets")
                next
            }
            quote = substr($0, RSTART, 1)
            name = substr($0, RSTART + 1, RLENGTH - 2)
            from = folder_of(file)
            if (name ~ /^weft\//)
                next
            if (quote == "\"") {
                to = folder_of(name)
                if (name !~ /\// || name ~ /\.\./)
                    complain("\"" name "\" is not written \"folder/file.h\"")
                else if (from in may && to != from && index(may[from], " " to " ") == 0)
                    complain(from " may not include " to " (\"" name "\")")
                next
            }
            if (name in home) {
                if (index(home[name], " " from " ") == 0)
                    complain("<" name "> belongs in" home[name] "only")
                if (name in once && file !~ /\.c$/)
                    complain("<" name "> belongs in a .c file")
                if (name in once && name in user && user[name] != file)
                    complain("<" name "> is included by " user[name] " already")
                user[name] = file
            }
            if (name ~ /^(mpi|cblas|cuda|cublas|nccl)[a-z_0-9]*\.h$/ && !index(runtime, " " from " "))
                complain("<" name "> belongs in runtime/ only")
        }'
)
report "$violations"
