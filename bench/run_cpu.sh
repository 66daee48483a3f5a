#!/bin/sh
# bench/run_cpu.sh - how close the emulator comes to training on this machine: weft-run profiles it on
# as many processes as there will be ranks, weft plans with that profile, weft-run trains.
#
# usage: run_cpu.sh BUILD_FOLDER [STEPS=25]
# One line a case: predicted and measured pipeline of the median step in ms, and the check of the
# gradients. The passes of the shipped models take 0.05 to 1 ms, those of the wide one 6. Run it on an
# idle machine with as many processors as ranks.

build=${1:?usage: run_cpu.sh BUILD_FOLDER [STEPS]}
steps=${2:-25}
here=$(cd "$(dirname "$0")" && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl=self,vader
export OMPI_MCA_btl_vader_single_copy_mechanism=none
# Messages go in one piece: in several, both ends would have to look at each.
export OMPI_MCA_btl_vader_eager_limit=131072 OMPI_MCA_btl_vader_max_send_size=131072
export OMPI_MCA_btl_vader_segment_size=67108864
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# value KEY: the first number of that name.
value()
{
    sed 's/.*"'"$1"'"://; s/[,}].*//' "$work/result.json"
}

# measure NAME RANKS SEQUENCE MICROBATCHES [MODEL]: a shipped model by its name, or another on texts.
measure()
{
    model=${5:-$1}
    inputs="--model $model --batch $here/../examples/batches/$1.jsonl"
    [ -z "$5" ] || inputs="--model $model --batch $work/texts.jsonl"
    [ -f "$work/$1-$2.json" ] ||
        mpirun -n "$2" "$build/runtime/weft-run" --profile "$work/$1-$2.json" --model "$model" >&2 || exit 1
    # shellcheck disable=SC2086 # several words
    "$build/cli/weft" plan $inputs --cluster "$work/$1-$2.json" --pp "$2" --gpus "$2" --sequence "$3" \
        --microbatches "$4" -o "$work/plan.json" 2>"$work/notes" || exit 1
    # shellcheck disable=SC2086
    mpirun -n "$2" "$build/runtime/weft-run" "$work/plan.json" $inputs --device cpu --check --json \
        --steps "$steps" >"$work/result.json" || exit 1
    awk -v name="$1" -v ranks="$2" -v sequence="$3" -v predicted="$(value predicted_ns)" \
        -v measured="$(value measured_ns)" -v error="$(value error)" \
        -v pass="$(value median_pass_ns)" -v gradients="$(value gradient_error)" 'BEGIN {
            printf "%-10s %5d %8d %8.3f %9.2f %9.2f %+7.2f %% %9.2g\n", name, ranks, sequence,
                pass / 1e6, predicted / 1e6, measured / 1e6, error * 100, gradients
        }'
}

printf '%-10s %5s %8s %8s %9s %9s %9s %9s\n' model ranks sequence pass predicted measured error \
    gradients
measure tiny-vlm 1 512 8
measure tiny-vlm 2 512 8
measure tiny-t2v 2 512 8
for sample in 1 2 3 4 5 6 7 8; do
    echo "{\"id\":\"$sample\",\"text_tokens\":256}"
done >"$work/texts.jsonl"
measure gpt-wide 2 256 8 gpt:layers=6,hidden=256,heads=4,seq=256,vocab=1024
