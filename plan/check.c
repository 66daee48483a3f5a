/* plan/check.c - weft_plan_check: runs the parts of check.h, and tells violations. Not: any rule.
 */
#include "plan/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

bool weft_i_verify_no_memory(weft_i_verify *check)
{
    check->status = weft_i_no_memory(check->error);
    return false;
}

/* "replica 1, rank 2, action 17 (bw 3): ", as far as the place is known. */
static void describe_place(const weft_i_verify *check, int32_t pipeline, int32_t rank,
                           int32_t action, char *out, size_t size)
{
    out[0] = '\0';
    if (pipeline < 0) return;
    const weft_pipeline *p = &check->plan->pipelines[pipeline];
    if (rank < 0) {
        snprintf(out, size, "replica %d: ", p->replica);
    } else if (action < 0) {
        snprintf(out, size, "replica %d, rank %d: ", p->replica, rank);
    } else {
        const weft_action *a = &p->ranks[rank].actions[action];
        if (weft_action_operand(a->kind) == WEFT_OPERAND_NONE) {
            snprintf(out, size, "replica %d, rank %d, action %d (%s): ", p->replica, rank, action,
                     weft_action_name(a->kind));
        } else {
            snprintf(out, size, "replica %d, rank %d, action %d (%s %d): ", p->replica, rank,
                     action, weft_action_name(a->kind), a->operand);
        }
    }
}

static void describe_path(int32_t pipeline, int32_t rank, int32_t action, char *out, size_t size)
{
    int n = snprintf(out, size, "$");
    if (pipeline >= 0) n += snprintf(out + n, size - (size_t)n, ".pipelines[%d]", pipeline);
    if (rank >= 0) n += snprintf(out + n, size - (size_t)n, ".ranks[%d]", rank);
    if (action >= 0) snprintf(out + n, size - (size_t)n, ".actions[%d]", action);
}

bool weft_i_violate(weft_i_verify *check, const char *rule, int32_t pipeline, int32_t rank,
                    int32_t action, const char *fmt, ...)
{
    char place[96], path[96], text[256];
    describe_place(check, pipeline, rank, action, place, sizeof(place));
    describe_path(pipeline, rank, action, path, sizeof(path));
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    check->where =
        (weft_violation){.replica = pipeline < 0 ? -1 : check->plan->pipelines[pipeline].replica,
                         .rank = rank,
                         .action = action,
                         .rule = rule};
    check->status = weft_i_fail_at(check->error, WEFT_STATUS_VIOLATION, NULL, 0, path, "%s: %s%s",
                                   rule, place, text);
    return false;
}

int64_t weft_i_add_capped(int64_t a, int64_t b)
{
    return a + b > WEFT_INT_MAX ? WEFT_INT_MAX + 1 : a + b;
}

weft_status weft_plan_check(const weft_plan *plan, weft_error *error, weft_violation *out_where)
{
    static bool (*const parts[])(weft_i_verify *) = {
        weft_i_verify_form,     weft_i_verify_index,       weft_i_verify_passes,
        weft_i_verify_messages, weft_i_verify_collectives, weft_i_verify_mpi,
        weft_i_verify_nccl,     weft_i_verify_memory,      weft_i_verify_time,
        weft_i_verify_sums};
    weft_i_verify check = {.plan = plan, .error = error, .status = WEFT_STATUS_OK};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!parts[i](&check)) break;
    }
    weft_i_arena_free(&check.arena);
    if (check.status == WEFT_STATUS_VIOLATION && out_where) *out_where = check.where;
    return check.status;
}
