#!/bin/sh
# bench/run_virtual.sh - how close a run on this machine comes to its plan: weft-run with the virtual
# device on 8 and 16 ranks, with long and with short passes.
#
# usage: run_virtual.sh BUILD_FOLDER [STEPS=5]
# One line a case, of the median step. Times are in ms; the overhead is in us of an action, of all and
# by kind. A busy machine makes all of it worse, so run it on an idle one.

build=${1:?usage: run_virtual.sh BUILD_FOLDER [STEPS]}
steps=${2:-5}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl=self,vader
export OMPI_MCA_btl_vader_single_copy_mechanism=none
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# value KEY: a number of the result, not one of a rank's.
value()
{
    sed 's/"worst":.*//; s/.*"'"$1"'"://; s/[,}].*//' "$work/result.json"
}

# measure NAME RANKS PROBLEM: plan it and run the plan.
measure()
{
    "$build/cli/weft" plan --synthetic "$3" --iterations 500 --time-limit 2 -o "$work/plan.json" ||
        exit 1
    run_plan "$1" "$2"
}

# run_plan NAME RANKS FLAG...: run $work/plan.json.
run_plan()
{
    name=$1
    ranks=$2
    shift 2
    mpirun -n "$ranks" "$build/runtime/weft-run" "$work/plan.json" --steps "$steps" --json "$@" \
        >"$work/result.json" || exit 1
    worst=$(sed 's/.*"worst"://; s/.*"error":\([^,]*\),"actions.*"ranks.*/\1/' "$work/result.json")
    awk -v name="$name" -v pass="$(value median_pass_ns)" -v predicted="$(value predicted_ns)" \
        -v measured="$(value measured_ns)" -v error="$(value error)" -v worst="$worst" \
        -v actions="$(value actions)" -v all="$(value overhead_ns_per_action)" \
        -v a="$(value overhead_ns_per_pass)" -v b="$(value overhead_ns_per_post)" \
        -v c="$(value overhead_ns_per_wait)" 'BEGIN {
            printf "%-20s %6.2f %9.1f %9.1f %+6.2f %% %+6.2f %% %8d %6.1f %6.1f %6.1f %6.1f\n", name,
                pass / 1e6, predicted / 1e6, measured / 1e6, error * 100, worst * 100, actions,
                all / 1e3, a / 1e3, b / 1e3, c / 1e3
        }'
}

printf '%-20s %6s %9s %9s %8s %8s %8s %6s %6s %6s %6s\n' case pass predicted measured error \
    'worst rank' actions all pass post wait
long='fw=24000 bw=36000 bww=12000 segments=2'
short='fw=2000 bw=3000 bww=1000 segments=2'
measure '8 ranks' 8 "pp=8 microbatches=16 limit=8 transfer=600 $long"
measure '16 ranks' 16 "pp=16 microbatches=32 limit=16 transfer=600 $long"
measure '8 ranks, short' 8 "pp=8 microbatches=48 limit=8 transfer=60 $short"
measure '16 ranks, short' 16 "pp=16 microbatches=64 limit=16 transfer=60 $short"
measure '8 ranks, no transfer' 8 "pp=8 microbatches=16 limit=8 $long"

# Messages of a model's sizes at a quarter of the speed, and the same plan without them.
"$build/cli/weft" plan --model vlm-s --cluster h800 --gpus 64 --tp 8 --pp 8 --sequence 256 \
    --batch "$(dirname "$0")/../examples/batches/vlm-mixed.jsonl" --microbatches 8 --iterations 300 \
    --time-limit 2 -o "$work/plan.json" 2>"$work/notes" || exit 1
run_plan '8 ranks, payload' 8 --scale 4 --payload
run_plan '8 ranks, 64 bytes' 8 --scale 4
