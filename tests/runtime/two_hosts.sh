#!/bin/sh
# tests/runtime/two_hosts.sh - weft-run on two hosts, over TCP: messages, payloads, clocks, and a rank of
# the other host that dies.
#
# usage: two_hosts.sh WEFT WEFT_RUN FOLLOWS EXAMPLES RELAY. Status 77 where the machine refuses network
# namespaces.

weft=$1
weft_run=$2
follows=$3
examples=$4
relay=$5
# shellcheck source=tests/runtime/hosts.sh
. "$(dirname "$0")/hosts.sh"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}fast_unwind_on_malloc=0"
work=$(mktemp -d)
trap 'hosts_down; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

fail()
{
    echo "$*"
    sed 's/^/  stdout: /' "$work/out"
    sed 's/^/  stderr: /' "$work/err"
    exit 1
}

if ! hosts_up "$work" 10000; then
    echo 'no network namespaces on this machine: skipped'
    exit 77
fi
"$weft" plan --synthetic 'pp=4 microbatches=6 fw=2000 bw=4000 bww=1500 transfer=300 limit=4' \
    --iterations 200 -o "$work/plan.json" >"$work/out" 2>"$work/err" || fail 'weft plan'
# Replicas, each with a rank on each host; messages of half a megabyte.
"$weft" plan --model vlm-s --cluster h800 --batch "$examples/batches/vlm-mixed.jsonl" --sequence 128 \
    --microbatches 1 --dp 2 --pp 2 --tp 4 --gpus 16 --iterations 50 --time-limit 5 \
    -o "$work/planned.json" >"$work/out" 2>"$work/err" || fail 'weft plan'
sed 's/"reduce_bytes": *[1-9][0-9]*/"reduce_bytes":100001/' "$work/planned.json" >"$work/large.json"
for case in 'plan' 'large --payload --scale 0.5'; do
    name=${case%% *}
    # shellcheck disable=SC2086 # a name and flags
    hosts_mpirun 4 "$weft_run" "$work/"${case%% *}.json ${case#"$name"} --timeline "$work/t.json" \
        >"$work/out" 2>"$work/err" || fail "weft-run $case"
    "$follows" "$work/$name.json" "$work/t.json" >>"$work/out" 2>>"$work/err" || fail "follows: $case"
    for host in weft-a weft-b; do
        [ "$(grep -c "\"host\": *\"$host\"" "$work/t.json")" = 2 ] || fail "expected 2 ranks on $host"
    done
done
# A link that takes 2 ms each way: clocks are known no better than that, and the run follows its plan.
hosts_down
if hosts_up "$work" 10000 2000 "$relay"; then
    hosts_mpirun 4 "$weft_run" "$work/plan.json" --timeline "$work/t.json" \
        >"$work/out" 2>"$work/err" || fail 'weft-run with a delay'
    "$follows" "$work/plan.json" "$work/t.json" >>"$work/out" 2>>"$work/err" || fail 'follows, with a delay'
    grep -o '"clock_error_ns": *[0-9]*' "$work/t.json" | sed 's/.*: *//' |
        awk '$1 >= 2000000 { n++ } END { exit n == 2 ? 0 : 1 }' || fail 'no delay'
else
    echo "no relay on this machine: $(cat "$work/relay")"
    hosts_down
    hosts_up "$work" 10000 || fail 'the hosts do not come again'
fi
# mpirun 4.1.4 itself crashes now and then (139) while it is told of an abort on another host.
for _ in 1 2 3; do
    WEFT_RUN_FAULT=kill:2:20 hosts_mpirun 4 -x WEFT_RUN_FAULT "$weft_run" "$work/plan.json" \
        --timeout 3 >"$work/out" 2>"$work/err"
    status=$?
    [ "$status" = 139 ] || break
done
[ "$status" != 0 ] || fail 'status 0'
[ "$(grep -c '^weft-run: rank ' "$work/err")" = 1 ] || fail 'expected one line of weft-run'
for _ in 1 2 3 4 5 6 7 8 9 10; do
    living=$(ps -eo stat=,args= | grep -F "$work/" | grep -vE '^Z|grep -F|two_hosts.sh')
    [ -n "$living" ] || exit 0
    sleep 0.5
done
fail "still there: $living"
