#!/bin/sh
# tests/run.sh - sets up what is missing, builds weft, runs the tests and counts them.
#
# The last line is "N passed, N failed", with ", N skipped" where tests were skipped. A build that
# fails is one failed test. Exit status 0 only if nothing failed.

usage()
{
    cat <<'EOF'
usage: sh tests/run.sh [--all | STAGE...]

Builds weft and runs its tests, from any folder. Missing Debian packages are installed where
apt-get can be used as root or through sudo. Without arguments only the stage gcc runs.

  gcc        build with gcc and -Werror, all tests
  install    release build, installed into a staging folder; examples compile against it by
             pkg-config; examples/quickstart.sh
  clang      build with clang and -Werror, all tests but the rules of the tree and those
             of weft-run, which take long
  sanitizers gcc with address, leak and undefined-behaviour sanitizers, all tests but the
             rules of the tree and those of suite 'long'
             (the CUDA module is built by gcc and install alone, where there is an nvcc)
  valgrind   the unit tests under memcheck, but for those of suite 'slow'

  --all      all of these, in this order
  --help     this text

WEFT_BUILD_ROOT  folder for the builds; default build-test in the source tree
WEFT_NO_INSTALL  if not empty: take the packages that are there, install none
EOF
}

top=$(cd "$(dirname "$0")/.." && pwd)
here=$(pwd)
# shellcheck source=tests/packages.sh
. "$top/tests/packages.sh"
exec </dev/null

stages=
for argument in "$@"; do
    case $argument in
    --help | -h)
        usage
        exit 0
        ;;
    --all) stages='gcc install clang sanitizers valgrind' ;;
    gcc | install | clang | sanitizers | valgrind) stages="$stages $argument" ;;
    *)
        echo "tests/run.sh: unknown argument '$argument'; see --help" >&2
        exit 2
        ;;
    esac
done
[ -n "$stages" ] || stages=gcc

root=${WEFT_BUILD_ROOT:-$top/build-test}
case $root in
/*) ;;
*) root=$here/$root ;;
esac
n_passed=0
n_failed=0
n_skipped=0

finish()
{
    line="$n_passed passed, $n_failed failed"
    [ "$n_skipped" = 0 ] || line="$line, $n_skipped skipped"
    echo "$line"
    [ "$n_failed" = 0 ]
    exit
}

fail()
{
    n_failed=$((n_failed + 1))
    echo "$*"
}

# build FOLDER COMPILER [MESON OPTION...]: set up or update a build folder and build it. Status 1
# after a failure, which is counted.
build()
{
    folder=$root/$1
    compiler=$2
    shift 2
    mkdir -p "$folder"
    log=$folder/build.log
    if [ -f "$folder/build.ninja" ]; then update=--reconfigure; else update=; fi
    # shellcheck disable=SC2086
    if CC=$compiler meson setup $update --werror "$@" "$folder" "$top" >"$log" 2>&1 &&
        ninja -C "$folder" >>"$log" 2>&1; then
        return 0
    fi
    tail -n 40 "$log"
    fail "build failed: $log"
    return 1
}

# count_results REGEX: how many tests had this result. Standard input is meson's log of one JSON
# object a line; a quote inside a test's own output has a backslash before it.
count_results()
{
    grep -cE "\"result\": \"($1)\""
}

# run_tests FOLDER [ARGUMENT...]: run the tests of a build and add up their results.
run_tests()
{
    folder=$root/$1
    shift
    log=$folder/test.log
    rm -f "$folder"/meson-logs/weft*.json
    meson test -C "$folder" --no-rebuild --print-errorlogs --logbase weft "$@" >"$log" 2>&1
    status=$?
    # Under a wrapper the log's name has the wrapper's in it.
    results=$(cat "$folder"/meson-logs/weft*.json 2>/dev/null)
    passed=$(echo "$results" | count_results 'OK|EXPECTEDFAIL')
    skipped=$(echo "$results" | count_results 'SKIP')
    failed=$(($(echo "$results" | count_results '[A-Z]+') - passed - skipped))
    # A run that breaks off, or that finds no tests, is no success.
    if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then failed=1; fi
    n_passed=$((n_passed + passed))
    n_skipped=$((n_skipped + skipped))
    n_failed=$((n_failed + failed))
    if [ "$failed" != 0 ]; then
        tail -n 150 "$log"
        echo "tests failed: $log"
    fi
}

stage_gcc()
{
    build gcc gcc && run_tests gcc
}

stage_clang()
{
    build clang clang -Dcuda=disabled && run_tests clang --no-suite house --no-suite selftest --no-suite runtime
}

stage_sanitizers()
{
    build sanitizers gcc -Db_sanitize=address,undefined -Db_lundef=false -Dcuda=disabled &&
        run_tests sanitizers --no-suite house --no-suite selftest --no-suite long \
            --timeout-multiplier 5 --wrapper "sh '$top/tests/memcheck.sh' sanitizers"
}

stage_valgrind()
{
    build gcc gcc &&
        run_tests gcc --suite unit --no-suite slow --timeout-multiplier 20 \
            --wrapper "sh '$top/tests/memcheck.sh' valgrind"
}

# The library and its command as a user finds them: nothing of the build folder is in the way.
stage_install()
{
    build release gcc --buildtype release -Dtests=false --prefix "$root/stage" || return
    rm -rf "$root/stage"
    log=$root/release/install.log
    if meson install -C "$root/release" --no-rebuild >"$log" 2>&1 &&
        sh "$top/tests/installed.sh" "$root/stage" >>"$log" 2>&1; then
        n_passed=$((n_passed + 1))
    else
        tail -n 40 "$log"
        fail "install failed: $log"
    fi
    log=$root/release/quickstart.log
    if WEFT_NO_INSTALL=1 WEFT_BUILD=$root/release \
        sh "$top/examples/quickstart.sh" >"$log" 2>&1; then
        n_passed=$((n_passed + 1))
    else
        tail -n 40 "$log"
        fail "quickstart failed: $log"
    fi
}

wanted="$packages_build $packages_test"
case $stages in
*clang* | *sanitizers* | *valgrind*) wanted="$wanted $packages_all" ;;
esac
# shellcheck disable=SC2086
if [ -z "$WEFT_NO_INSTALL" ] && ! packages_install $wanted; then
    n_failed=1
    finish
fi

run_stage()
{
    case $1 in
    gcc) stage_gcc ;;
    install) stage_install ;;
    clang) stage_clang ;;
    sanitizers) stage_sanitizers ;;
    valgrind) stage_valgrind ;;
    esac
}

for stage in $stages; do
    start=$(date +%s)
    before=$n_failed
    run_stage "$stage"
    if [ "$n_failed" = "$before" ]; then verdict=ok; else verdict=FAILED; fi
    echo "stage $stage: $verdict, $(($(date +%s) - start)) s"
done
finish
