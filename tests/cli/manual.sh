#!/bin/sh
# tests/cli/manual.sh - is the manual page whole? Every command and every flag of the help is in it,
# and the formatter, where there is one, has nothing to say against it.
#
# usage: manual.sh WEFT
set -u
weft=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n_failed=0

fail()
{
    n_failed=$((n_failed + 1))
    echo "FAILED: $1"
}

"$weft" help --man >"$work/weft.1" || fail 'weft help --man'
# As it reads: \- is a hyphen, \fB and the like change the font.
sed 's/\\f[BIR]//g; s/\\-/-/g; s/\\&//g' "$work/weft.1" >"$work/text"
for command in $("$weft" help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
    grep -qx ".SS weft $command" "$work/text" || fail "no command '$command'"
    for flag in $("$weft" help "$command" | grep -Eo '^  (-o, )?--[a-z-]+' | grep -Eo '[-]-[a-z-]+'); do
        grep -Eq "^(-o, )?$flag( |\$)" "$work/text" || fail "no flag '$flag' of $command"
    done
done
[ "$(grep -c '^--\|^-o, --' "$work/text")" -gt 40 ] || fail 'fewer than 40 flags'
if command -v groff >/dev/null; then
    groff -man -Tascii -ww "$work/weft.1" >"$work/page" 2>"$work/warnings"
    [ ! -s "$work/warnings" ] || fail "groff: $(head -n 1 "$work/warnings")"
    [ -s "$work/page" ] || fail 'an empty page'
fi
[ $n_failed = 0 ]
