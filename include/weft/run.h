/* weft/run.h - one rank's part of a plan, run with stages and a transport of the caller's own.
 *
 * The interpreter walks the actions of a rank in order. A *device* does their work: passes, copies,
 * the optimizer. A *transport* moves messages and reductions between ranks. Neither may block: the
 * interpreter looks in turn whether the device and the transport have got further, so that messages
 * move while a stage computes. weft-run is built from the same parts, with MPI as transport.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_RUN_H
#define WEFT_RUN_H

#include <stdbool.h>

#include "weft/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An action as the callbacks see it. */
typedef struct weft_run_action {
    weft_action_kind kind;
    int32_t operand;    /* stage, edge or chunk, by the kind */
    int32_t index;      /* place in the rank's list */
    int32_t peer;       /* rank of the same replica at the other end of a message; -1 = none */
    int64_t planned_ns; /* how long it takes in the plan */
} weft_run_action;

/* What the elements of a buffer are, for a transport that adds up. */
typedef enum weft_run_element {
    WEFT_RUN_ELEMENT_BYTE,  /* a message */
    WEFT_RUN_ELEMENT_FLOAT, /* a reduction: the sum over the replicas */
    WEFT_RUN_ELEMENT_INT64  /* a reduction: the largest of the replicas' */
} weft_run_element;

typedef struct weft_run_buffer {
    void *data;
    int64_t n_bytes;
    weft_run_element element;
    bool is_far; /* memory of a GPU, which the processor cannot read: a transport may pass it on,
                    but not copy it; false unless the device says so */

    /* Of an isend that the device parts with: the transport has the data from the post on, also
     * after the wait, which then need not last until the data has left, and calls this once when it
     * has, from the thread that runs the rank. NULL: the device has it back at the wait. */
    void (*release)(void *release_context, void *data);
    void *release_context;
} weft_run_buffer;

/* What weft_run_device.poll says when an action is done. */
#define WEFT_RUN_DONE INT64_C(-1)

/* What it may say of an isend or a reduce whose data gets ready beside what comes next, by a copy
 * engine say: the interpreter goes on, polls this action again between polls of later ones, and
 * posts it when it is done, in the order in which they were put off. Times have the action end when
 * it was put off. */
#define WEFT_RUN_LATER INT64_C(-2)

/* What does the work of a rank. All three are called for one action after another:
 *
 *     isend, irecv, reduce     begin, poll until done, buffer; then the transport has the buffer
 *     their waits              the transport is asked until it is done; then begin, poll until done
 *     all else                 begin, poll until done
 *
 * So an isend begins by getting its data ready, a wait_irecv by taking its data in, and a buffer
 * belongs to the transport from the post until the wait's begin. */
typedef struct weft_run_device {
    void *context;

    /* Start an action, or do all of it. */
    weft_status (*begin)(void *context, const weft_run_action *action, weft_error *error);

    /* Do a part of the action or look after it. *out_idle_ns = WEFT_RUN_DONE when it is done, or
     * WEFT_RUN_LATER, else for how long nothing has to be done for it; 0 = call again at once. */
    weft_status (*poll)(void *context, const weft_run_action *action, weft_error *error,
                        int64_t *out_idle_ns);

    /* The memory of a message, or of a reduction, in place. */
    weft_status (*buffer)(void *context, const weft_run_action *action, weft_error *error,
                          weft_run_buffer *out_buffer);
} weft_run_device;

/* What moves data between ranks. A message is known by its edge, which is action->operand on both
 * sides; the edges of a plan are numbered within a replica. Reductions are over the replicas, each
 * with the same rank; all replicas post those of a rank in the same order. */
typedef struct weft_run_transport {
    void *context;

    /* Start what the action says, in or out of a buffer, and return at once. */
    weft_status (*post)(void *context, const weft_run_action *action, const weft_run_buffer *buffer,
                        weft_error *error);

    /* Whether what this wait_... waits for is complete; a reduction is only when those posted
     * before it are. */
    weft_status (*test)(void *context, const weft_run_action *action, weft_error *error,
                        bool *out_done);

    /* Move on what is under way; called while the device works. */
    weft_status (*progress)(void *context, weft_error *error);
} weft_run_transport;

/* When an action began and ended, by the clock of the options. */
typedef struct weft_run_time {
    int64_t start_ns, end_ns;
} weft_run_time;

typedef struct weft_run_options {
    size_t struct_size;

    /* Longest that an action may take over planned_ns * scale: then the run ends. 0 = no limit. */
    int64_t timeout_ns;
    double scale; /* of the plan's times, for that limit only; 1 */

    /* Longest that the interpreter sleeps while a device or a transport has nothing to do. Shorter
     * is quicker to move messages and takes more of the processor. */
    int64_t progress_ns;

    /* Called before every action and between polls: false ends the run. NULL = never. */
    bool (*watch)(void *watch_context, const weft_run_action *action, int64_t since_ns);
    void *watch_context;

    /* The clock, monotonic, and how to sleep; both NULL = those of this machine. */
    int64_t (*now_ns)(void *clock_context);
    void (*sleep_ns)(void *clock_context, int64_t ns);
    void *clock_context;

    /* For so long a wait is looked at again and again before the first sleep: what comes soon is
     * not missed by a sleep, if ranks have a processor each. 0 = sleep at once. */
    int64_t spin_ns;
} weft_run_options;

WEFT_API void weft_run_options_init(weft_run_options *options);

/* Run the actions of `rank` of plan->pipelines[pipeline], a plan that keeps the rules
 * (weft_plan_check). options NULL = defaults; times (may be NULL) has room for one entry an action.
 * Returns what a callback returns if not OK; LIMIT when an action took too long; INTERRUPTED when
 * `watch` said so; USAGE for a pipeline or rank that is not in the plan. The text of the error
 * names the action and the peer: "wait_irecv 17 from rank 2 (action 45): ...". Ranks may run in one
 * process, each in a thread of its own. */
WEFT_API weft_status weft_run_rank(const weft_plan *plan, int32_t pipeline, int32_t rank,
                                   const weft_run_device *device,
                                   const weft_run_transport *transport,
                                   const weft_run_options *options, weft_error *error,
                                   weft_run_time *times);

/* An action in words, "wait_irecv 17 from rank 2 (action 45)"; cut where `size` is short. */
WEFT_API void weft_run_action_words(const weft_run_action *action, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
