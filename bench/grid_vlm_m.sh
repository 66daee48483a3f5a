#!/bin/sh
# bench/grid_vlm_m.sh - VLM-M on 64 H800: every TP x PP x DP of powers of two, as a table of steps.
#
# usage: grid_vlm_m.sh WEFT [BATCH...]. 64 microbatches over the job, ZeRO 1, half a second of
# search a row on one thread. The paper's best is DP 8, TP 2, PP 4.
set -u
weft=$1
shift
[ $# -gt 0 ] || set -- examples/batches/vlm-mixed.jsonl examples/batches/vlm-interleaved.jsonl
for batch in "$@"; do
    for tp in 1 2 4 8; do
        for pp in 1 2 4 8 16; do
            dp=$((64 / tp / pp))
            [ "$dp" -ge 1 ] || continue
            json=$("$weft" emulate --model vlm-m --cluster h800 --recipe vlm-m:zero=1 --batch "$batch" --gpus 64 \
                --dp $dp --tp $tp --pp $pp --microbatches $((64 / dp)) --time-limit 0.5 --threads 1 --json 2>/dev/null)
            step=$(printf '%s' "$json" | sed -n 's/.*"step_ns": *\([0-9]*\).*/\1/p' | head -1)
            mfu=$(printf '%s' "$json" | sed -n 's/.*"mfu": *\([0-9.]*\).*/\1/p' | head -1)
            echo "$(basename "$batch" .jsonl) dp $dp tp $tp pp $pp: ${step:-does not fit} ns, MFU ${mfu:-none}"
        done
    done
done
