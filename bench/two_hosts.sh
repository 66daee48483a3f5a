#!/bin/sh
# bench/two_hosts.sh - weft-run over TCP between two hosts, with messages of a model's sizes: is a step
# as long as the emulator says, once it knows the link?
#
# usage: two_hosts.sh BUILD_FOLDER [MBIT=1000] [STEPS=3] [MICROSECONDS]
#
# With microseconds, each way of the link takes so long more (tests/runtime/relay.c). The hosts are network namespaces, joined by a link of MBIT Mbit/s (tests/runtime/hosts.sh). Each is a
# node of 8 H800 and holds one rank of a model of 4 layers. Times are stretched, by 50 or 20, so the
# plan's cluster has a network that is so many times as fast as the link. What the link is: by its rate
# (0.94 of it is payload, the rest headers of frames of 1500 bytes), or as weft-run --profile measures
# messages over it. One line a plan, with the median pass and message in ms: some that know the link,
# by short messages and by such as take nearly as long as a pass; and one made for 25 GB/s, to see
# that the link matters. Status 77 where the machine refuses namespaces.

build=${1:?usage: two_hosts.sh BUILD_FOLDER [MBIT] [STEPS] [MICROSECONDS]}
mbit=${2:-1000}
steps=${3:-3}
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/runtime/hosts.sh
. "$top/tests/runtime/hosts.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1
work=$(mktemp -d)
trap 'hosts_down; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
if ! hosts_up "$work" "$mbit" "$4" "$build/tests/runtime/relay"; then
    echo 'no network namespaces on this machine: skipped'
    exit 77
fi
for sample in 1 2 3 4 5 6 7 8; do
    echo "{\"id\":\"$sample\",\"text_tokens\":512}"
done >"$work/batch.jsonl"

# value KEY: a number of the result, not one of a rank's.
value()
{
    sed 's/"worst":.*//; s/.*"'"$1"'"://; s/[,}].*//' "$work/result.json"
}

# median KEY: of the numbers of that name in the plan that are not 0, times the scale, in ms.
median()
{
    grep -o "\"$1\": *[1-9][0-9]*" "$work/plan.json" | sed 's/.*: *//' | sort -n |
        awk -v scale="$2" '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] * scale / 1e6 }'
}

# key NAME: a number of the profile.
key()
{
    sed -n 's/.*"'"$1"'": *\([0-9.]*\).*/\1/p' "$work/link.json" | tail -n 1
}

# measure NAME MICROBATCHES SCALE GBS [LATENCY_NS]: plan for a network of that rate and latency; run
# over the link.
measure()
{
    sed -e "s/\"nic_gbs\": 25, \"latency_ns\": 4600/\"nic_gbs\": $4, \"latency_ns\": ${5:-5000}/" \
        -e 's/\[\[16777216, 0.214\].*\]\]/[[1, 1]]/' \
        "$top/profiles/data/clusters/h800.json" >"$work/cluster.json"
    "$build/cli/weft" plan --model gpt:layers=4,hidden=8192,heads=64,seq=512,vocab=32000 \
        --cluster "$work/cluster.json" --batch "$work/batch.jsonl" --gpus 16 --tp 8 --pp 2 \
        --microbatches "$2" --iterations 300 --time-limit 5 -o "$work/plan.json" 2>"$work/notes" &&
        hosts_mpirun 2 "$build/runtime/weft-run" "$work/plan.json" --scale "$3" --payload \
            --steps "$steps" --json >"$work/result.json" 2>"$work/notes" || {
        cat "$work/notes"
        exit 1
    }
    awk -v name="$1" -v pass="$(median fw_ns "$3")" -v message="$(median transfer_ns "$3")" \
        -v predicted="$(value predicted_ns)" -v measured="$(value measured_ns)" \
        -v error="$(value error)" 'BEGIN {
            printf "%-34s %6s %7s %9.1f %9.1f %+7.2f %%\n", name, pass, message, predicted / 1e6,
                measured / 1e6, error * 100
        }'
}

# scaled RATE SCALE: what the rate is where times are stretched.
scaled()
{
    awk "BEGIN { print $1 * $2 }"
}

hosts_mpirun 2 "$build/runtime/weft-run" --profile "$work/link.json" --model tiny-vlm >"$work/notes" || exit 1
head -n 1 "$work/notes" >&2
link=$(awk "BEGIN { print $mbit / 8000 * 0.94 }")
found=$(awk "BEGIN { print $(key gbs) * 2 }") # of float32 in place of 2 bytes a value
delay_ns=$(key latency_ns)

printf '%-34s %6s %7s %9s %9s %9s\n' 'planned for' pass message predicted measured error
measure 'the link, 1 microbatch' 1 50 "$(scaled "$link" 50)"
measure 'the link, 8 microbatches' 8 50 "$(scaled "$link" 50)"
measure 'the link, long messages' 8 20 "$(scaled "$link" 20)"
measure 'as measured, 8 microbatches' 8 50 "$(scaled "$found" 50)" $((delay_ns / 50))
measure 'as measured, long messages' 8 20 "$(scaled "$found" 20)" $((delay_ns / 20))
measure '25 GB/s, 1 microbatch' 1 50 25
