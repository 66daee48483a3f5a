#!/bin/sh
# examples/quickstart.sh - from a fresh clone to a plan: installs what is missing, builds, plans.
#
# usage: sh examples/quickstart.sh
#
# WEFT_BUILD  folder of the build; default build in the source tree
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh
exec </dev/null
build=${WEFT_BUILD:-build}

# say TEXT...: what comes next, apart from what the commands print.
say()
{
    printf '\n%s\n' "$*" >&2
}

run()
{
    say "\$ $*"
    "$@"
}

# shellcheck disable=SC2086
[ -n "${WEFT_NO_INSTALL:-}" ] || packages_install $packages_build

say "building weft in $build"
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" --buildtype release -Dtests=false >/dev/null
fi
ninja -C "$build" --quiet

# One step of a small vision-language model on 16 GPUs of type H800; its samples have the sizes of
# real interleaved documents.
set -- --model vlm-s --cluster h800 --gpus 16 --batch examples/batches/vlm-interleaved.jsonl
run "$build/cli/weft" plan "$@" -o "$build/plan.json"
run "$build/cli/weft" check "$build/plan.json"
run "$build/cli/weft" compare "$@"
run "$build/cli/weft" show "$build/plan.json" -o "$build/timeline.svg"

say "the plan is in $build/plan.json, its picture in $build/timeline.svg"
