#!/bin/sh
# bench/grid_vlm_m.sh - VLM-M on 64 H800 over a range of batches: which TP x PP x DP is the fastest?
#
# usage: grid_vlm_m.sh WEFT [SEARCH [ITERATIONS [SEEDS [MICROBATCHES [BATCHES [CLUSTER]]]]]]. SEARCH:
# paper (the default) or default. The range: each of BATCHES (of examples/batches; all with images) as
# it is and shuffled by each of SEEDS seeds (0), each cut or repeated to MICROBATCHES ("64 128 256")
# over the job. Every TP x PP x DP of powers of two, TP up to 8; ZeRO 1. The paper's best is DP 8,
# TP 2, PP 4. CLUSTER: h800 at the rate at which a layer of LM 32B takes as long as in the paper
# (docs/accuracy.md); MFU is of the H800's peak all the same. A grid takes 10 to 90 s on one core.
set -u
weft=$1 search=${2:-paper} iterations=${3:-20} seeds=${4:-0} microbatches=${5:-"64 128 256"}
batches=${6:-"vlm-interleaved vlm-mixed vlm-captions"} cluster=${7:-h800:bf16_tflops=691}
folder=$(dirname "$0")/../examples/batches
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

# Lines in an order that depends on the seed alone (Park and Miller's generator).
shuffle() {
    awk -v x="$1" '{ x = x * 16807 % 2147483647; printf "%.0f\t%s\n", x, $0 }' | sort -n | cut -f2-
}

# The step and MFU of one configuration: "dp tp pp step_ns mfu"; nothing where it does not fit.
ask() {
    dp=$((64 / $1 / $2))
    "$weft" emulate --model vlm-m --cluster "$cluster" --recipe vlm-m:zero=1 --batch "$3" --gpus 64 \
        --dp $dp --tp "$1" --pp "$2" --microbatches $(($4 / dp)) --search "$search" \
        --iterations "$iterations" --threads 1 --json 2>"$tmp/why" |
        sed -n "s/.*\"step_ns\": *\([0-9]*\).*\"mfu\": *\([0-9.]*\).*/$dp $1 $2 \1 \2/p" | head -1
}

# Every configuration of one batch, fastest first.
grid() {
    for tp in 1 2 4 8; do
        for pp in 1 2 4 8 16; do
            [ $((tp * pp)) -gt 64 ] || ask $tp $pp "$1" "$2"
        done
    done | sort -k4 -n
}

# The cluster's peak over the H800's.
rate=$(echo "$cluster" | awk -F 'bf16_tflops=' '{ print (NF > 1 ? $2 / 989 : 1) }')
for name in $batches; do
    for seed in $(seq 0 "$seeds"); do
        if [ "$seed" = 0 ]; then cat "$folder/$name.jsonl"; else shuffle "$seed" <"$folder/$name.jsonl"; fi >"$tmp/batch.jsonl"
        for m in $microbatches; do
            grid "$tmp/batch.jsonl" "$m" >"$tmp/grid"
            awk -v what="$name, seed $seed, $m microbatches" -v rate="$rate" '
                NR == 1 { best = $4 }
                NR <= 3 { printf "%s DP %d TP %d PP %d %.3f s (MFU %.1f %%)", NR == 1 ? what ":" : ",", $1, $2, $3, $4 / 1e9, 100 * $5 * rate }
                $1 == 8 && $2 == 2 && $3 == 4 { place = NR; behind = 100 * ($4 / best - 1); mfu = 100 * $5 * rate }
                END { printf "; DP 8 TP 2 PP 4 is number %d, %.1f %% behind, MFU %.1f %%\n", place, behind, mfu }' "$tmp/grid" | tee -a "$tmp/all"
        done
    done
done
awk '{ n++ } / is number 1,/ { first++ } / is number 2,/ { second++ }
    END { printf "DP 8 TP 2 PP 4 is the fastest on %d of %d, the second on %d\n", first, n, second }' "$tmp/all"
