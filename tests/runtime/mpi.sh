#!/bin/sh
# tests/runtime/mpi.sh - weft-run under mpirun: what it prints, that it follows plans, and how it ends
# when something goes wrong. Nothing here fails because the machine is slow.
#
# usage: mpi.sh WEFT WEFT_RUN FOLLOWS EMBED EXAMPLES CASE...
# FOLLOWS and EMBED are the programs of tests/runtime/follows.c and examples/embed_runtime.c.
# Cases are the functions case_NAME below. Status 77 without mpirun.

weft=$1
weft_run=$2
follows=$3
embed=$4
examples=$5
shift 5

if ! command -v mpirun >/dev/null 2>&1; then
    echo 'no mpirun: skipped'
    exit 77
fi

# As root, with more processes than processors, on machines without InfiniBand.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl=self,vader
export OMPI_MCA_btl_vader_single_copy_mechanism=none
# Leaks of Open MPI can only be told from ours by whole stacks.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}fast_unwind_on_malloc=0"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
out=$work/out
err=$work/err

fail()
{
    echo "$case: $*"
    sed 's/^/  stdout: /' "$out"
    sed 's/^/  stderr: /' "$err"
    exit 1
}

# run_program N PROGRAM ARGUMENT...: on N processes; status in $status. A run that hangs is a failure.
run_program()
{
    n=$1
    shift
    timeout 90 mpirun -n "$n" "$@" >"$out" 2>"$err" </dev/null
    status=$?
    [ "$status" != 124 ] || fail "hangs: $*"
}

# run N ARGUMENT...: the same of weft-run.
run()
{
    n=$1
    shift
    run_program "$n" "$weft_run" "$@"
}

expect_status()
{
    [ "$status" = "$1" ] || fail "status $status, expected $1"
}

# Of ours; mpirun has its own.
expect_one_line()
{
    [ "$(grep -c '^weft-run: ' "$err")" = 1 ] || fail 'expected one line of weft-run on stderr'
    grep -Eq "^weft-run: $1" "$err" || fail "expected a line '$1'"
    [ ! -s "$out" ] || fail 'expected nothing on stdout'
}

expect_follows()
{
    "$follows" "$1" "$2" >"$out" 2>"$err" || fail 'the timeline does not follow the plan'
}

# Processes of this run that still live; dead ones whose parent has not asked for them do not count.
expect_no_orphans()
{
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        living=$(ps -eo stat=,args= | grep -F "$work/" | grep -vE '^Z|grep -F')
        [ -n "$living" ] || return 0
        sleep 0.5
    done
    fail "still there: $living"
}

plan_of_four()
{
    "$weft" plan --synthetic 'pp=4 microbatches=6 fw=2000 bw=4000 bww=1500 transfer=300 limit=4' \
        --iterations 200 --time-limit 5 -o "$work/four.json" 2>"$err" || fail 'weft plan'
}

# Short sequences make small messages.
plan_of_replicas()
{
    "$weft" plan --model vlm-s --cluster h800 --batch "$examples/batches/vlm-mixed.jsonl" \
        --sequence 256 --microbatches 2 --dp 2 --pp 2 --tp 4 --gpus 16 --iterations 50 \
        --time-limit 5 -o "$work/planned.json" 2>"$err" || fail 'weft plan'
    sed 's/"reduce_bytes": *[1-9][0-9]*/"reduce_bytes":100001/' "$work/planned.json" \
        >"$work/replicas.json"
}

case_text()
{
    plan_of_four
    run 4 "$work/four.json" --steps 3 --timeline "$work/t.json"
    expect_status 0
    [ ! -s "$err" ] || fail 'expected nothing on stderr'
    [ "$(wc -l <"$out")" = 12 ] || fail 'expected 12 lines'
    grep -q '^pipeline  predicted .* ms, measured .* ms, ' "$out" || fail 'no pipeline'
    grep -q '^steps     3, pipeline ' "$out" || fail 'no steps'
    expect_follows "$work/four.json" "$work/t.json"
}

case_json()
{
    plan_of_four
    run 4 "$work/four.json" --json --scale 2 --steps 2
    expect_status 0
    [ "$(wc -l <"$out")" = 1 ] || fail 'expected one line'
    for key in measured_ns predicted_ns error overhead_ns_per_action worst ranks steps_ns; do
        grep -q "\"$key\":" "$out" || fail "no $key"
    done
    [ "$(grep -o '"host":' "$out" | wc -l)" = 5 ] || fail 'expected four ranks and the worst'
}

case_replicas()
{
    plan_of_replicas
    run 4 "$work/replicas.json" --scale 0.05 --timeline "$work/t.json"
    expect_status 0
    expect_follows "$work/replicas.json" "$work/t.json"
}

case_payload()
{
    plan_of_replicas
    run 4 "$work/replicas.json" --scale 0.05 --payload --steps 2 --timeline "$work/t.json"
    expect_status 0
    expect_follows "$work/replicas.json" "$work/t.json"
}

# Rank 1 takes nothing, and yet rank 0 gets over its sends: it waits for what comes back.
case_copies()
{
    "$weft" plan --model vlm-s --cluster h800 --batch "$examples/batches/vlm-mixed.jsonl" \
        --sequence 256 --microbatches 1 --dp 1 --pp 2 --tp 8 --gpus 16 --iterations 50 \
        --time-limit 5 -o "$work/large.json" 2>"$err" || fail 'weft plan'
    WEFT_RUN_FAULT=stall:1:0 run 2 "$work/large.json" --scale 0.05 --payload --timeout 3
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank 1 does not answer, .*; rank 0 waited for it for .* in wait_irecv '
    expect_no_orphans
}

# What is kept of sends and what is waited for, by a program of its own.
case_sends()
{
    run_program 1 "${follows%/*}/sends"
    expect_status 0
}

case_too_large()
{
    plan_of_replicas
    sed 's/"reduce_bytes": *100001/"reduce_bytes":3000000000/' "$work/replicas.json" \
        >"$work/huge.json"
    run 4 "$work/huge.json" --payload
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank 0 of replica [01]: chunk 0 reduces 3000000000 bytes, expected at most'
    sed 's/"reduce_bytes": *100001/"reduce_bytes":2000000000/' "$work/replicas.json" \
        >"$work/large.json"
    [ "$(free -g | awk '/^Mem/ { print $2 }')" -lt 70 ] || return 0
    run 4 "$work/large.json" --payload
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank 0 of replica [01]: the payload takes [0-9.]+ GiB of .*, which has [0-9.]+'
}

case_tcp()
{
    plan_of_four
    OMPI_MCA_btl=self,tcp
    run 4 "$work/four.json" --timeline "$work/t.json"
    expect_status 0
    expect_follows "$work/four.json" "$work/t.json"
    WEFT_RUN_FAULT=kill:2:20 run 4 "$work/four.json" --timeout 3
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank '
    expect_no_orphans
}

case_alone()
{
    "$weft" plan --synthetic 'pp=1 microbatches=2 fw=2000 bw=4000' -o "$work/one.json" ||
        fail 'weft plan'
    run 1 "$work/one.json" --timeline "$work/t.json"
    expect_status 0
    expect_follows "$work/one.json" "$work/t.json"
}

case_usage()
{
    run 2
    expect_status 2
    expect_one_line 'no plan given'
    run 2 --device gpu plan.json
    expect_status 2
    expect_one_line "--device: 'gpu' is not one of virtual, cpu"
    run 1 --help
    expect_status 0
    grep -q '^usage: ' "$out" || fail 'no usage'
}

# plan_of_tiny MODEL PP DP [FLAG]...: the plan, and in $inputs what it is made from.
plan_of_tiny()
{
    model=$1
    pp=$2
    dp=$3
    shift 3
    inputs="--model $model --batch $examples/batches/$model.jsonl"
    # shellcheck disable=SC2086 # several words
    "$weft" plan $inputs --cluster h100 --pp "$pp" --dp "$dp" --gpus $((pp * dp)) --microbatches 4 \
        --iterations 50 --time-limit 5 -o "$work/tiny.json" "$@" 2>"$err" || fail 'weft plan'
}

# A device of a BLAS trains; without one there is one line.
expect_trains()
{
    if grep -q 'built without a BLAS' "$err"; then
        echo 'no BLAS: skipped'
        exit 77
    fi
    expect_status 0
    grep -q '^check     passed: ' "$out" || fail 'the check has not passed'
}

case_train()
{
    plan_of_tiny tiny-vlm 2 2
    # shellcheck disable=SC2086 # several words
    run 4 "$work/tiny.json" $inputs --device cpu --check --timeline "$work/t.json"
    expect_trains
    grep -q '"device": *"cpu"' "$work/t.json" || fail 'the timeline is of another device'
    plan_of_tiny tiny-vlm 4 1
    # shellcheck disable=SC2086
    run 4 "$work/tiny.json" $inputs --device cpu --check --seed 7
    expect_trains
    plan_of_tiny tiny-t2v 2 1
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device cpu --check --seed 7
    expect_trains
}

# A replica without pictures reduces the gradients of an encoder that it had no work for.
case_idle_chunks()
{
    cat >"$work/texts.jsonl" <<'EOF'
{"id": "a", "text_tokens": 20, "replica": 0, "microbatch": 0}
{"id": "b", "text_tokens": 9, "replica": 0, "microbatch": 1}
{"id": "c", "text_tokens": 9, "images": [[28, 28], [28, 28]], "replica": 1, "microbatch": 0}
{"id": "d", "text_tokens": 13, "replica": 1, "microbatch": 1}
EOF
    inputs="--model tiny-vlm --batch $work/texts.jsonl"
    # shellcheck disable=SC2086 # several words
    "$weft" plan $inputs --cluster h100 --pp 2 --dp 2 --gpus 4 --iterations 20 -o "$work/tiny.json" \
        2>"$err" || fail 'weft plan'
    grep -q '"module": *"vision", *"microbatches"' "$work/tiny.json" || fail 'no pictures'
    # shellcheck disable=SC2086
    run 4 "$work/tiny.json" $inputs --device cpu --check
    expect_trains
}

# What a GPU would compute, by its twin: copies, looks and kernels of the cuda device.
case_twin()
{
    plan_of_tiny tiny-vlm 2 1 --microbatches 1
    # shellcheck disable=SC2086 # several words
    run 2 "$work/tiny.json" $inputs --device twin --check
    expect_trains
    grep -q '^messages  staged$' "$out" || fail 'not staged'
    grep -E '^(loss|check) ' "$out" >"$work/staged"
    # Messages that MPI takes from the device's memory bring the same bits.
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device twin --check --messages direct
    expect_trains
    grep -q '^messages  direct$' "$out" || fail 'not direct'
    grep -E '^(loss|check) ' "$out" | cmp -s - "$work/staged" || fail 'another result than staged'
    plan_of_tiny tiny-t2v 1 2 --microbatches 1
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device twin --check --steps 2
    expect_trains
    grep -q ' twin' "$out" || fail 'another device'
}

# Without a module, a driver or a GPU there is one line; with all of them it trains.
case_cuda()
{
    plan_of_tiny tiny-vlm 2 1 --microbatches 2
    # shellcheck disable=SC2086 # several words
    run 2 "$work/tiny.json" $inputs --device cuda --check
    if [ "$status" = 0 ]; then
        grep -q '^check     passed: ' "$out" || fail 'the check has not passed'
        return
    fi
    expect_one_line '(rank [01]: )?--device cuda: .*(without|CUDA)'
}

# A GPU whose memory is too small for the weights, and one that a step does not fit.
case_gpu_memory()
{
    plan_of_tiny tiny-vlm 2 1 --microbatches 2
    # shellcheck disable=SC2086 # several words
    WEFT_RUN_TWIN_BYTES=100000 run 2 "$work/tiny.json" $inputs --device twin
    ! grep -q 'built without a BLAS' "$err" || exit 77
    expect_status 1
    expect_one_line 'rank [01]: out of GPU memory: [0-9.]+ MiB more wanted, [0-9.]+ of 0.1 MiB in use'
    # shellcheck disable=SC2086
    WEFT_RUN_TWIN_BYTES=2900000 run 2 "$work/tiny.json" $inputs --device twin --timeout 5
    expect_status 1
    expect_one_line 'rank [01]: [a-z_]+ [0-9]+ .*\(action [0-9]+\): out of GPU memory: '
    expect_no_orphans
}

# A tied embedding on one rank and its head on another, 50 steps.
case_learn()
{
    plan_of_tiny tiny-vlm 2 1
    # shellcheck disable=SC2086 # several words
    run 2 "$work/tiny.json" $inputs --device cpu --check --steps 50 --learning-rate 0.003
    expect_trains
    grep '^loss' "$out" | awk '{ exit !($7 < 0.6 * $2) }' || fail 'the loss does not fall'
    plan_of_tiny tiny-t2v 2 1 --microbatches 1
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device cpu --check --steps 50 --learning-rate 0.003
    expect_trains
    grep '^loss' "$out" | awk '{ exit !($7 < 0.4 * $2) }' || fail 'the loss of tiny-t2v does not fall'
}

# Twenty steps are ten and ten more, also under another plan.
case_checkpoint()
{
    plan_of_tiny tiny-vlm 2 1
    # shellcheck disable=SC2086 # several words
    run 2 "$work/tiny.json" $inputs --device cpu --steps 8 --json
    ! grep -q 'built without a BLAS' "$err" || exit 77
    expect_status 0
    whole=$(losses | tail -n 1)
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device cpu --steps 4 --checkpoint "$work/saved"
    expect_status 0
    plan_of_tiny tiny-vlm 1 1
    # shellcheck disable=SC2086
    run 1 "$work/tiny.json" $inputs --device cpu --steps 4 --checkpoint "$work/saved" --json
    expect_status 0
    grep -q '"first_step":4,' "$out" || fail 'has not gone on'
    losses | tail -n 1 | awk -v whole="$whole" '{ exit !($1 - whole < 1e-3 && whole - $1 < 1e-3) }' ||
        fail "another loss than $whole"
    # shellcheck disable=SC2086
    run 1 "$work/tiny.json" $inputs --device cpu --checkpoint "$work/saved" --check
    expect_status 2
    expect_one_line '--check is of the first step, the checkpoint has had 8'
    # shellcheck disable=SC2086
    run 1 "$work/tiny.json" $inputs --device cpu --checkpoint "$work/tiny.json/saved"
    expect_status 1
    expect_one_line '.*/tiny.json/saved/latest: cannot read: not a directory'
    head -c 100 "$work/saved/step-8/vision-1" >"$work/cut"
    mv "$work/cut" "$work/saved/step-8/vision-1"
    # shellcheck disable=SC2086
    run 1 "$work/tiny.json" $inputs --device cpu --checkpoint "$work/saved"
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line '.*step-8/vision-1.*not the layer that it should be: 100 bytes, expected [0-9]+'
    sed 's/^model ..../model 0000/' "$work/saved/latest" >"$work/other"
    mv "$work/other" "$work/saved/latest"
    # shellcheck disable=SC2086
    run 1 "$work/tiny.json" $inputs --device cpu --checkpoint "$work/saved"
    expect_status 3
    expect_one_line '.*/latest: a checkpoint of a model with sha256 0000'
}

# A run that is killed loses what came after its last checkpoint and nothing else: to the bit.
case_resume()
{
    plan_of_tiny tiny-vlm 2 1
    # shellcheck disable=SC2086 # several words
    run 2 "$work/tiny.json" $inputs --device cpu --steps 6 --checkpoint "$work/whole"
    ! grep -q 'built without a BLAS' "$err" || exit 77
    expect_status 0
    # shellcheck disable=SC2086
    WEFT_RUN_FAULT=kill:1:10:5 run 2 "$work/tiny.json" $inputs --device cpu --steps 6 \
        --checkpoint "$work/cut" --checkpoint-every 2 --timeout 3
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank 1 does not answer, killed or stuck in '
    expect_no_orphans
    grep -q '^step 4$' "$work/cut/latest" || fail 'expected a checkpoint of step 4'
    [ -d "$work/cut/step-2" ] || fail 'expected a checkpoint of step 2'
    [ ! -d "$work/cut/step-6" ] || fail 'expected none of step 6'
    # Killed while it saved: the mark is not there yet.
    mkdir "$work/cut/step-6"
    head -c 100 "$work/whole/step-6/vision-1" >"$work/cut/step-6/vision-1"
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device cpu --steps 2 --checkpoint "$work/cut"
    expect_status 0
    for file in "$work"/whole/step-6/*; do
        cmp -s "$file" "$work/cut/step-6/${file##*/}" || fail "${file##*/} is another"
    done
    run 2 "$work/tiny.json" --checkpoint-every 2
    expect_status 2
    expect_one_line '--checkpoint-every wants --checkpoint'
}

# By somebody else, at any moment, also while it saves.
case_resume_killed()
{
    plan_of_tiny tiny-vlm 2 1
    # shellcheck disable=SC2086 # several words
    mpirun -n 2 "$weft_run" "$work/tiny.json" $inputs --device cpu --steps 10000 --timeout 3 \
        --checkpoint "$work/saved" --checkpoint-every 1 >"$out" 2>"$err" </dev/null &
    child=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ ! -d "$work/saved/step-5" ] || break
        sleep 0.5
        ! grep -q 'built without a BLAS' "$err" || exit 77
    done
    [ -d "$work/saved/step-5" ] || fail 'expected a checkpoint of step 5'
    # shellcheck disable=SC2009 # by all arguments
    victim=$(ps -eo pid=,args= | grep -F "$work/" | grep -vE 'mpirun|grep' | awk 'NR == 1 { print $1 }')
    kill -9 "$victim"
    wait "$child"
    status=$?
    [ "$status" != 0 ] || fail 'status 0'
    expect_no_orphans
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device cpu --checkpoint "$work/saved" --json
    expect_status 0
    grep -Eq '"first_step":([4-9]|[1-9][0-9]+),' "$out" || fail 'has not gone on'
}

# Of two replicas that train, one does not come to their reduction.
case_killed_reducing()
{
    plan_of_tiny tiny-vlm 1 2
    reduce=$(grep -m 1 '"actions"' "$work/tiny.json" | sed 's/.*"actions": *\[\[//; s/\],\[/\n/g' |
        awk '/^"reduce"/ { print NR - 1; exit }')
    [ -n "$reduce" ] || fail 'no reduce'
    # shellcheck disable=SC2086
    WEFT_RUN_FAULT=kill:1:$reduce:2 run 2 "$work/tiny.json" $inputs --device cpu --steps 3 --timeout 3
    ! grep -q 'built without a BLAS' "$err" || exit 77
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank 0 of replica 1 does not answer'
    expect_no_orphans
}

# Each step's loss, a line each.
losses()
{
    sed 's/.*"losses":.//; s/].*//' "$out" | tr ',' '\n'
}

# What --profile writes is a cluster to plan with.
case_profile()
{
    run 2 --profile "$work/this.json" --model tiny-vlm
    ! grep -q 'built without a BLAS' "$err" || exit 77
    expect_status 0
    [ ! -s "$err" ] || fail 'expected nothing on stderr'
    grep -Eq '^layers    [0-9]+ rows of tiny-vlm; by formulas alone ' "$out" || fail 'no layers'
    inputs="--model tiny-vlm --batch $examples/batches/tiny-vlm.jsonl"
    # shellcheck disable=SC2086 # several words
    "$weft" plan $inputs --cluster "$work/this.json" --pp 2 --gpus 2 --microbatches 3 \
        -o "$work/tiny.json" --iterations 20 --time-limit 5 2>"$err" || fail 'no plan by the profile'
    # shellcheck disable=SC2086
    run 2 "$work/tiny.json" $inputs --device cpu --check
    expect_trains
    run 2 --profile "$work/none/this.json" --model tiny-vlm
    [ "$status" != 0 ] || fail 'status 0'
    expect_no_orphans
    run 2 --profile "$work/this.json"
    expect_status 2
    expect_one_line '--profile wants --model'
}

# refuses SED LINE: a tiny-vlm that was changed can be planned and not trained.
refuses()
{
    sed "$1" "$examples/../profiles/data/models/tiny-vlm.json" >"$work/model.json"
    inputs="--model $work/model.json --batch $examples/batches/tiny-vlm.jsonl"
    # shellcheck disable=SC2086 # several words
    "$weft" plan $inputs --cluster h100 --pp 1 --gpus 1 --microbatches 1 --iterations 5 \
        -o "$work/tiny.json" 2>"$err" || fail 'weft plan'
    # shellcheck disable=SC2086
    run 1 "$work/tiny.json" $inputs --device cpu
    expect_status 3
    expect_one_line "$2"
}

case_train_refuses()
{
    plan_of_tiny tiny-vlm 2 1
    run 2 "$work/tiny.json" --device cpu
    expect_status 2
    expect_one_line '--device cpu(: this weft-run was built| wants --model, as the plan had it)'
    ! grep -q 'built without a BLAS' "$err" || exit 77
    run 2 "$work/tiny.json" --device cpu --model tiny-t2v --batch "$examples/batches/tiny-vlm.jsonl"
    expect_status 3
    expect_one_line 'model tiny-t2v has sha256 [0-9a-f]{12}..., the plan was made from one with '
    run 2 "$work/tiny.json" --device cpu --model tiny-vlm --batch "$examples/batches/tiny-t2v.jsonl"
    expect_status 3
    expect_one_line 'batch .*tiny-t2v.jsonl has sha256 [0-9a-f]{12}..., the plan was made from one with'
    plan_of_four
    run 4 "$work/four.json" --device cpu --model tiny-vlm --batch "$examples/batches/tiny-vlm.jsonl"
    expect_status 3
    expect_one_line 'the plan was not made from a model, so that it cannot be trained'
    plan_of_tiny tiny-vlm 1 1
    sed 's/"tp":1/"tp":2/' "$work/tiny.json" >"$work/tp.json"
    # shellcheck disable=SC2086
    run 1 "$work/tp.json" $inputs --device cpu
    expect_status 2
    expect_one_line 'weft-run trains plans of tp, cp and ep 1, found 2, 1 and 1'
    refuses 's/{"kind": "transformer", "count": 6, "hidden": 48/{"kind": "mamba", "hidden": 48, "state_size": 16, "head_size": 32}, &/' \
        'module language, layer 1: a layer with mamba cannot be trained here, only emulated'
    refuses 's/"layers": \[0, 0\]}, "kind": "tokens"/"layers": [1, 2]}, "kind": "add"/' \
        'module language is fed by an edge of kind add, which cannot be trained here, only emulated'
}

case_world_size()
{
    plan_of_four
    run 3 "$work/four.json"
    expect_status 2
    expect_one_line 'the plan is for 4 processes, 1 replica x 4 ranks; found 3'
}

case_bad_plans()
{
    plan_of_four
    head -c 4000 "$work/four.json" >"$work/cut.json"
    run 4 "$work/cut.json"
    expect_status 3
    expect_one_line '.*/cut.json: [0-9]*: not valid JSON'
    run 4 "$work/none.json"
    expect_status 3
    expect_one_line '.*/none.json: cannot read'
    sed 's/"transfer_ns": *300000/"transfer_ns":300001/' "$work/four.json" >"$work/wrong.json"
    run 4 "$work/wrong.json"
    expect_status 1
    expect_one_line '.* from 0 to 1300000 ns, expected 0 to 1300001'
}

# fault SPEC LINE: the run ends with that line.
fault()
{
    plan_of_four
    WEFT_RUN_FAULT=$1 run 4 "$work/four.json" --timeout 3
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line "$2"
    expect_no_orphans
}

killed='does not answer, killed or stuck in .*\(action [0-9]+\); rank [0-9] waited for it for .* s in wait_irecv [0-9]+ from rank'

case_killed()
{
    fault kill:2:20 "rank 2 $killed 2 \(action [0-9]+\)"
    fault kill:0:20 "rank 0 $killed 0 \(action [0-9]+\)"
}

# Of the second replica: process 3 is its rank 1. The other replica waits in its reductions.
case_killed_replica()
{
    plan_of_replicas
    WEFT_RUN_FAULT=kill:3:20 run 4 "$work/replicas.json" --scale 0.05 --timeout 3
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank 1 of replica 1 does not answer, killed or stuck in .*\(action 20\)'
    expect_no_orphans
}

case_stalled()
{
    fault stall:2:20 "rank 2 $killed 2 \(action [0-9]+\)"
}

case_failed()
{
    fault fail:3:5 'rank 3: [a-z_]+ [0-9]+ .*\(action 5\): a fault was asked for'
}

case_short()
{
    plan_of_four
    # The first isend of rank 0 is the action after its first forward.
    fault short:0:1 'rank 1: wait_irecv [0-9]+ from rank 0 .*: received a message of 32 bytes, expected 64'
    # The first action of rank 1 is an irecv: it has room for half of what comes.
    fault short:1:0 'rank 1: wait_irecv [0-9]+ from rank 0 .*: received a message of more than the expected 32 bytes'
}

# Words that have to travel: ranks 0 and 2 are on one machine, 1 and 3 on another; then each alone.
case_machines()
{
    plan_of_four
    export WEFT_RUN_MACHINES=2
    run 4 "$work/four.json" --timeline "$work/t.json"
    expect_status 0
    expect_follows "$work/four.json" "$work/t.json"
    fault stall:1:20 'rank 1 does not answer, killed or stuck; rank [02] waited for it for '
    fault stall:2:20 "rank 2 $killed 2 \(action [0-9]+\)"
    WEFT_RUN_MACHINES=4
    fault stall:0:20 'rank 1: wait_irecv [0-9]+ from rank 0 \(action [0-9]+\): not done after '
}

# A trainer with stages of its own: the weights are those of serial training.
case_embed()
{
    "$weft" plan --synthetic 'pp=2 microbatches=5 fw=100 bw=200 bww=80 segments=2' \
        --iterations 100 -o "$work/segments.json" 2>"$err" || fail 'weft plan'
    plan_of_replicas
    for case_plan in 'segments 2' 'replicas 4'; do
        # shellcheck disable=SC2086 # two words
        set -- $case_plan
        run_program "$2" "$embed" "$work/$1.json"
        expect_status 0
        grep -q '^loss .*; weights are those of serial training to [0-9]e-0[5-9]$' "$out" || fail "$1"
    done
    run_program 1 "$embed" "$work/segments.json"
    [ "$status" != 0 ] || fail 'status 0'
    expect_one_line 'rank 0: the plan is for 2 processes, 1 replica x 2 ranks; found 1'
    expect_no_orphans
}

# Signals to mpirun reach all.
case_interrupted()
{
    plan_of_four
    mpirun -n 4 "$weft_run" "$work/four.json" --scale 1000 >"$out" 2>"$err" </dev/null &
    child=$!
    sleep 3
    kill -INT "$child"
    wait "$child"
    status=$?
    [ "$status" != 0 ] || fail 'status 0'
    expect_no_orphans
}

for case in "$@"; do
    "case_$case"
done
