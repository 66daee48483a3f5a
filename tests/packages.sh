# shellcheck shell=sh disable=SC2034 # sourced, not run
# tests/packages.sh - which Debian packages weft needs, and how to get those that are missing.
# Sourced by tests/run.sh and examples/quickstart.sh; this is the only list of packages.

# To build the library, the command line and the runtime.
packages_build='gcc meson ninja-build pkg-config libjansson-dev libmetis-dev libglpk-dev'
packages_build="$packages_build libopenmpi-dev openmpi-bin libopenblas-dev"
# To run the tests.
packages_test='libcriterion-dev'
# To run every stage of tests/run.sh --all.
packages_all='clang clang-format valgrind libclang-rt-dev librsvg2-bin g++'

has_command()
{
    command -v "$1" >/dev/null 2>&1
}

has_library()
{
    has_command pkg-config && pkg-config --exists "$1"
}

has_header()
{
    has_command cc && echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1
}

# Is what the package gives there, however it was installed?
package_present()
{
    case $1 in
    gcc) has_command cc ;;
    g++) has_command c++ ;;
    ninja-build) has_command ninja ;;
    libjansson-dev) has_library jansson ;;
    libcriterion-dev) has_library criterion ;;
    libopenmpi-dev) has_command mpicc ;;
    openmpi-bin) has_command mpirun ;;
    libopenblas-dev) has_library openblas ;;
    libmetis-dev) has_header metis.h ;;
    libglpk-dev) has_header glpk.h ;;
    librsvg2-bin) has_command rsvg-convert ;;
    libclang-rt-dev)
        has_command clang && ls "$(clang -print-resource-dir)"/lib/linux/*fuzzer* >/dev/null 2>&1
        ;;
    *) has_command "$1" ;;
    esac
}

packages_missing()
{
    for package in "$@"; do
        package_present "$package" || printf '%s ' "$package"
    done
}

# Run a command as root; without a terminal sudo must not ask for a password.
as_root()
{
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has_command sudo; then
        if [ -t 2 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        return 1
    fi
}

# packages_install NAME...: see that all are there, by apt-get where it can; otherwise one line on
# stderr that names what is missing, and status 1.
packages_install()
{
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    echo "installing $missing" >&2
    if has_command apt-get; then
        # The lists of a fresh machine are empty; those of an old one can be stale.
        # shellcheck disable=SC2086
        {
            as_root apt-get update &&
                as_root env DEBIAN_FRONTEND=noninteractive \
                    apt-get install -y --no-install-recommends $missing
        } </dev/null 2>&1 | tail -n 5 >&2
        missing=$(packages_missing "$@")
        [ -n "$missing" ] || return 0
    fi
    echo "missing and not installed here (Debian names): $missing" >&2
    return 1
}
