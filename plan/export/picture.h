/* plan/export/picture.h - one replica of a plan as pictures see it, and of a run of that plan where
 * there is one: its modules, and what runs in each slice of time. Not: drawing. */
#ifndef WEFT_PLAN_EXPORT_PICTURE_H
#define WEFT_PLAN_EXPORT_PICTURE_H

#include "base/arena.h"
#include "plan/measure.h"
#include "weft/plan.h"
#include "weft/show.h"

/* Module and pass of what runs, in one number: 4 * module + pass. */
typedef int32_t weft_i_tint;

enum { WEFT_I_TINT_IDLE = -1 };

/* How the ranks' actions went, as planned or as measured, in the plan's times. */
typedef struct weft_i_course {
    const weft_rank_actions *ranks;
    int64_t *busy_ns;     /* per rank, in passes */
    int64_t pipeline_ns;  /* end of the last pass */
    int64_t optimizer_ns; /* that an optimizer goes on after the end of its action */
} weft_i_course;

typedef struct weft_i_picture {
    const weft_plan *plan;
    const weft_pipeline *pipeline;
    int32_t n_modules;
    const char **modules;   /* in the order of the plan's chunks */
    int32_t *chunk_modules; /* of each chunk, its module's place */
    bool *is_used;          /* of each tint, whether a pass of it runs */
    weft_i_course planned, measured;
    const weft_timeline *timeline; /* of the run; NULL = none, and nothing measured */
    weft_i_measure measure;
    weft_i_arena arena;
} weft_i_picture;

/* Check the plan and choose the replica: USAGE where it is not there, VIOLATION, NO_MEMORY, and
 * BAD_INPUT where `timeline` (NULL = none) is not of the plan. Free with weft_i_picture_close,
 * which also takes a zeroed one. */
weft_status weft_i_picture_open(const weft_plan *plan, int32_t replica,
                                const weft_timeline *timeline, weft_error *error,
                                weft_i_picture *out);
void weft_i_picture_close(weft_i_picture *picture);

/* How wide a kind of picture may be, and is unless said otherwise. */
typedef struct weft_i_widths {
    int32_t standard, least, most;
    const char *unit;
} weft_i_widths;

/* Read options (NULL = the defaults) and open their picture: USAGE where they are of another size
 * or the width is out of range, else as weft_i_picture_open. *out_options has a width.
 * *out_picture, zeroed before, is to be closed in any case. */
weft_status weft_i_show_open(const weft_plan *plan, const weft_show_options *options,
                             const weft_i_widths *widths, weft_error *error,
                             weft_show_options *out_options, weft_i_picture *out_picture);

static inline bool weft_i_action_is_pass(const weft_action *action)
{
    return action->kind <= WEFT_ACTION_BWW;
}

/* Of an action that is a pass. */
weft_i_tint weft_i_picture_tint(const weft_i_picture *picture, const weft_action *action);

static inline const weft_submicrobatch *weft_i_picture_sub(const weft_i_picture *picture,
                                                           const weft_action *action)
{
    const weft_problem *problem = &picture->pipeline->problem;
    return &problem->submicrobatches[problem->stages[action->operand].submicrobatch];
}

/* What runs for most of a slice of time. */
typedef struct weft_i_slice {
    weft_i_tint tint; /* or WEFT_I_TINT_IDLE */
    int32_t action;   /* the longest of that tint; -1 = idle */
} weft_i_slice;

/* Cut 0..length_ns into n equal slices and find what a rank's actions run in each. NO_MEMORY. */
weft_status weft_i_picture_slices(const weft_i_picture *picture, const weft_rank_actions *actions,
                                  int64_t length_ns, int32_t n, weft_error *error,
                                  weft_i_slice *out_slices);

/* The later end of the last pass, planned or measured. */
int64_t weft_i_picture_pipeline_ns(const weft_i_picture *picture);

/* The share of a course's pipeline that a rank is in passes. */
double weft_i_course_busy(const weft_i_course *course, int32_t rank);

/* "forward", "backward", "input gradient", "weight gradient" */
const char *weft_i_pass_text(weft_pass pass);

#endif
