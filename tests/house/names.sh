#!/bin/sh
# tests/house/names.sh - what the library exports, and which functions of libc it stays away from.
#
# usage: names.sh SHARED_LIBRARY STATIC_LIBRARY
#
# The shared library exports weft_ names that are not internal; the static one has no other global
# names. The library neither prints, nor ends the process, nor changes or keeps global state, and it
# does without MPI and CUDA.

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/lib.sh
. "$here/lib.sh"
shared=$1
static=$2
if [ ! -f "$shared" ] || [ ! -f "$static" ]; then
    echo "no library: '$shared' '$static'"
    exit 1
fi

# The compiler turns printf into puts or putchar, and into __printf_chk with _FORTIFY_SOURCE.
printing='printf vprintf __printf_chk __vprintf_chk puts putchar putchar_unlocked perror psignal
    psiginfo err errx verr verrx warn warnx vwarn vwarnx error error_at_line syslog stderr'
ending='exit _exit _Exit quick_exit abort raise kill'
changing='setlocale setenv putenv unsetenv srand srandom rand random signal sigaction strtok
    localtime gmtime asctime ctime chdir umask atexit'
# Only base/file writes to stdout, where a caller names the file "-".
stdout_home='base_file.c.o'

# What outlives a call: tests count allocations down (base/arena.c), and METIS, which has a state of
# its own, runs once at a time (partition/metis.c).
state=' allocations_left metis_lock '

# Names that sanitizers add are not ours.
foreign='^__|^\.'

report "$({
    nm -D --defined-only "$shared" | awk -v foreign="$foreign" '
        $NF ~ foreign { next }
        $NF !~ /^weft_/ { print "exported without weft_: " $NF }
        $NF ~ /^weft_i_/ { print "internal but exported: " $NF }'
    nm -g --defined-only "$static" 2>/dev/null | awk -v foreign="$foreign" '
        NF == 3 && $3 !~ foreign && $3 !~ /^weft_/ { print "global without weft_: " $3 }'
    nm -u "$static" 2>/dev/null | awk -v banned="$printing $ending $changing" -v home="$stdout_home" '
        BEGIN {
            n = split(banned, names)
            for (i = 1; i <= n; i++)
                bad[names[i]] = 1
        }
        NF == 1 && /:$/ { object = substr($1, 1, length($1) - 1) }
        $1 == "U" && $2 in bad { print object " calls or uses " $2 }
        $1 == "U" && $2 ~ /^(MPI_|ompi_|cuda|cublas)/ { print object " uses the runtime: " $2 }
        $1 == "U" && $2 == "stdout" && index(object, home) == 0 { print object " uses stdout" }'
    nm -f sysv "$static" 2>/dev/null | awk -F '|' -v foreign="$foreign" -v state="$state" '
        { gsub(/ /, "") }
        index(state, " " $1 " ") { next }
        $4 == "OBJECT" && $7 ~ /^\.(data|bss|tdata|tbss)($|\.)/ && $7 !~ /^\.data\.rel\.ro/ &&
            $1 !~ foreign { print "global state: " $1 " in " $7 }
        $4 == "TLS" && $1 !~ foreign { print "global state: " $1 " in " $7 }'
})"
