#!/bin/sh
# tests/house/roots.sh - what lies at the top of the tree: the agreed folders and files, and nothing
# that some run left behind.
#
# usage: roots.sh [ROOT]. Of a git checkout what is tracked counts, else all but build folders.

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"
root=${1:-$here/../..}

agreed=' .ci .clang-format .editorconfig .gitignore CHANGES.md CONTRIBUTING.md LICENSE README.md
 base bench cli docs emu examples include meson.build meson_options.txt partition plan planner
 profiles runtime search tests '

entries=
[ -e "$root/.git" ] && entries=$(git -C "$root" ls-files 2>/dev/null | sed 's|/.*||' | sort -u)
[ -n "$entries" ] || entries=$(cd "$root" && find . -mindepth 1 -maxdepth 1 ! -name .git ! -name 'build*' |
    sed 's|^\./||' | sort)
violations=$(printf '%s\n' "$entries" | while IFS= read -r entry; do
    case $(printf '%s' "$agreed" | tr '\n' ' ') in
        *" $entry "*) ;;
        *) echo "$entry: not among the agreed entries at the top of the tree" ;;
    esac
done)
report "$violations"
