#!/bin/sh
# examples/quickstart.sh - from a fresh clone to a plan: installs what is missing, builds, runs.
#
# usage: sh examples/quickstart.sh
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=tests/packages.sh
. tests/packages.sh
exec </dev/null

# shellcheck disable=SC2086
packages_install $packages_build

echo 'building weft in build/ ...' >&2
if [ ! -f build/build.ninja ]; then
    meson setup build --buildtype release -Dtests=false >/dev/null
fi
ninja -C build --quiet
