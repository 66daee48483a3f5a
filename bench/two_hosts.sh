#!/bin/sh
# bench/two_hosts.sh - weft-run over TCP between two hosts, with messages of a model's sizes: is a step
# as long as the emulator says, once it knows the link?
#
# usage: two_hosts.sh BUILD_FOLDER [MBIT=1000] [STEPS=3]
#
# The hosts are network namespaces, joined by a link of MBIT Mbit/s (tests/runtime/hosts.sh). Each is a
# node of 8 H800 and holds one rank of a model of 4 layers. Times are stretched, by 50 or 20, so the
# plan's cluster has a network that is so many times as fast as the link; 0.94 of the rate is payload,
# the rest headers of frames of 1500 bytes. One line a plan: two that know the link; one made for
# 25 GB/s, to see that the link matters; and one whose messages take as long as its passes: of those
# several are under way at once and share the link, which no plan knows of. Status 77 where the
# machine refuses namespaces.

build=${1:?usage: two_hosts.sh BUILD_FOLDER [MBIT] [STEPS]}
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
if ! hosts_up "$work" "$mbit"; then
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

# measure NAME MICROBATCHES SCALE [GBS]: plan for a network of that rate, without it for the link's;
# run over the link.
measure()
{
    gbs=${4:-$(awk "BEGIN { print $3 * $mbit / 8000 * 0.94 }")}
    sed -e "s/\"nic_gbs\": 25, \"latency_ns\": 4600/\"nic_gbs\": $gbs, \"latency_ns\": 5000/" \
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
    awk -v name="$1" -v predicted="$(value predicted_ns)" -v measured="$(value measured_ns)" \
        -v error="$(value error)" 'BEGIN {
            printf "%-34s %9.1f %9.1f %+7.2f %%\n", name, predicted / 1e6, measured / 1e6, error * 100
        }'
}

printf '%-34s %9s %9s %9s\n' 'planned for' predicted measured error
measure 'the link, 1 microbatch' 1 50
measure 'the link, 8 microbatches' 8 50
measure '25 GB/s, 1 microbatch' 1 50 25
measure 'the link, long messages' 8 20
