#!/bin/sh
# tests/cli/documented.sh - do the command lines of the documentation work as they are printed?
#
# usage: documented.sh WEFT SOURCE_ROOT
#
# The indented lines of README.md and docs/ that call weft, or set what such lines use, run page by
# page in an empty folder beside examples/. Only the effort is cut: `weft` below searches for two
# iterations, and by two microbatches of a batch. Lines of mpirun are not run: tests/runtime/ has it.
set -u
weft=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
top=$(cd "$2" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
n_run=0
n_failed=0

mkdir "$work/bin"
cat >"$work/bin/weft" <<END
#!/bin/sh
case \$1 in plan | compare | partition) set -- "\$@" --iterations 2 --threads 1 ;; esac
case " \$* " in *' --batch examples/'*) set -- "\$@" --microbatches 2 ;; esac
exec '$weft' "\$@"
END
chmod +x "$work/bin/weft"
PATH=$work/bin:$PATH

# run_page FILE: one shell runs all its lines, for later ones use what earlier ones made.
run_page()
{
    rm -rf "$work/page" "$work/log"
    mkdir "$work/page"
    ln -s "$top/examples" "$work/page/examples"
    # What a line of mpirun that is not run would have written.
    cp "$top/profiles/data/clusters/h100.json" "$work/page/this.json"
    sed -n -e ':more' -e '/\\$/{N' -e 's/\\\n *//' -e 'b more' -e '}' -e 's/  *#.*//' \
        -e 's/^    \([a-z]*="\)/\1/p' -e 's/^    \(weft \)/\1/p' "$1" >"$work/lines"
    sed "s/.*/& || echo 'FAILED: ${1##*/}: &'/" "$work/lines" >"$work/script"
    n_run=$((n_run + $(grep -c '^weft ' "$work/lines")))
    (cd "$work/page" && sh "$work/script") >"$work/log" 2>&1 </dev/null
    grep '^FAILED' "$work/log" || return 0
    n_failed=$((n_failed + 1))
    grep '^weft' "$work/log" | grep -v '^weft: note: '
}

for page in "$top/README.md" "$top"/docs/*.md; do
    run_page "$page"
done
echo "$n_run command lines, $n_failed pages failed"
[ $n_failed = 0 ] && [ $n_run -ge 12 ]
