/* planner/reference.c - see reference.h. */
#include "planner/reference.h"

#include "base/error.h"
#include "base/threads.h"

enum { MAX_CUTS = 4, MAX_SEGMENTS_TRIED = 2 };

static bool has(const weft_i_case *c, weft_ablate part)
{
    return (c->options.ablate & part) == 0;
}

/* The layout of number `k`: by the rule, then with k segments a module; or Megatron's with k + 1
 * pieces a rank. */
static weft_status make_layout(const weft_i_case *c, int32_t k, weft_error *error,
                               weft_layout **out_layout)
{
    weft_i_layout_input input = weft_i_case_layout_input(c);
    if (!has(c, WEFT_ABLATE_PARTITIONER))
        return weft_i_layout_cut(&input, WEFT_I_CUT_PARAMETERS, k + 1, error, out_layout);
    weft_i_arena arena = {0};
    int32_t *segments = weft_i_new(&arena, int32_t, c->model->n_modules);
    for (int32_t i = 0; segments && i < c->model->n_modules; i++)
        segments[i] = k; /* 0 = by the rule */
    weft_status status = segments
                             ? weft_i_layout_modality(&input, segments, NULL, error, out_layout)
                             : weft_i_no_memory(error);
    weft_i_arena_free(&arena);
    return status;
}

/* A first answer on a layout: VPP's order, or one sequence of the search. */
static weft_status begin(const weft_i_case *c, weft_layout *layout, int32_t pieces,
                         weft_error *error, weft_i_attempt *out_attempt)
{
    weft_i_attempt attempt = {0};
    weft_status status = weft_i_attempt_open(c, layout, error, &attempt);
    if (status) return status;
    attempt.one_strategy = !has(c, WEFT_ABLATE_MEMORY);
    bool is_vpp = layout->slot_of_chunk ? pieces > 1 : layout->n_chunks > c->parallel.pp;
    if (has(c, WEFT_ABLATE_INTERLEAVING))
        status = weft_i_attempt_search(&attempt, 0, 1, error);
    else
        status = weft_i_attempt_fixed(&attempt, is_vpp ? WEFT_I_FIXED_VPP : WEFT_I_FIXED_1F1B, NULL,
                                      error);
    if (status)
        weft_i_attempt_close(&attempt);
    else
        *out_attempt = attempt;
    return status;
}

/* The first of the paper's layouts that fits, the best of Megatron's. */
static weft_status begin_best(const weft_i_case *c, weft_error *error, weft_i_attempt *out_best)
{
    bool found = false, by_rule = has(c, WEFT_ABLATE_PARTITIONER);
    weft_error first = {0};
    weft_i_attempt best = {0};
    for (int32_t k = 0; by_rule ? !found && k <= MAX_SEGMENTS_TRIED : k < MAX_CUTS; k++) {
        weft_layout *layout = NULL;
        weft_i_attempt attempt = {0};
        weft_error why = {0};
        weft_status status = make_layout(c, k, &why, &layout);
        if (!status) status = begin(c, layout, k + 1, &why, &attempt);
        if (status && !first.status) first = why;
        if (status == WEFT_STATUS_NO_MEMORY) break;
        if (status) continue;
        if (found && weft_i_attempt_value(&attempt) >= weft_i_attempt_value(&best)) {
            weft_i_attempt_close(&attempt);
            continue;
        }
        weft_i_attempt_close(&best);
        best = attempt;
        found = true;
    }
    if (!found)
        return weft_i_fail_at(error, first.status, first.file, first.line, first.path, "%s",
                              first.text);
    *out_best = best;
    return WEFT_STATUS_OK;
}

weft_status weft_i_reference_attempt(const weft_i_case *plan_case, double seconds,
                                     int64_t iterations, weft_error *error,
                                     weft_i_attempt *out_attempt)
{
    const weft_i_case *c = plan_case;
    int64_t began_ns = weft_i_now_ns();
    weft_i_attempt best = {0};
    weft_status status =
        c->layout ? begin(c, (weft_layout *)(uintptr_t)c->layout, c->layout->n_slots, error, &best)
                  : begin_best(c, error, &best);
    if (status) return status;
    if (seconds > 0) {
        seconds -= (double)(weft_i_now_ns() - began_ns) / 1e9;
        if (seconds < 0.001) seconds = 0.001;
    }
    if (has(c, WEFT_ABLATE_INTERLEAVING) && has(c, WEFT_ABLATE_REORDERING))
        status = weft_i_attempt_search(&best, seconds, iterations, error);
    if (status)
        weft_i_attempt_close(&best);
    else
        *out_attempt = best;
    return status;
}
