/* runtime/session.h - a run of this process's rank: set up once, stepped, gathered to process 0. */
#ifndef WEFT_RUNTIME_SESSION_H
#define WEFT_RUNTIME_SESSION_H

#include "runtime/launch.h"
#include "runtime/mpi_world.h"
#include "runtime/training.h"
#include "weft/timeline.h"

typedef struct weft_i_session weft_i_session;

/* Make device and transport and compare clocks; training NULL: the virtual device. The world is
 * split by the plan's replicas. After a failure of any of these functions call
 * weft_i_world_farewell. Free with weft_i_session_free. */
weft_status weft_i_session_create(weft_i_world *world, const weft_i_launch *launch,
                                  const weft_plan *plan, weft_i_training *training,
                                  weft_error *error, weft_i_session **out_session);

/* Run all steps, each from a common start. */
weft_status weft_i_session_run(weft_i_session *session, weft_error *error);

/* Process 0 gets the timeline of the median step, its to free; others get NULL. All get the longest
 * pipeline of each step, the session's. */
weft_status weft_i_session_gather(weft_i_session *session, weft_error *error,
                                  weft_timeline **out_timeline, const int64_t **out_steps_ns);

void weft_i_session_free(weft_i_session *session);

#endif
