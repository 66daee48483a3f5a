/* search/sources.h - forwards without inputs, by chunk and turn: which comes next. Not: when it
 * starts (dispatch.h). */
#ifndef WEFT_SEARCH_SOURCES_H
#define WEFT_SEARCH_SOURCES_H

#include "search/net.h"

typedef struct weft_i_sources {
    const weft_i_net *net;
    weft_task *tasks;
    int32_t *first; /* by chunk, n_chunks + 1 */
    int32_t *next;  /* by chunk */
} weft_i_sources;

/* Arrays live in the arena, the net is borrowed. NO_MEMORY or OK. */
weft_status weft_i_sources_create(const weft_i_net *net, weft_i_arena *arena, weft_error *error,
                                  weft_i_sources *out_sources);

/* Begin again: sources of a chunk in the order of their turns (by stage), then of their keys (by
 * task). O(sources) where that order changed little since the last time. */
void weft_i_sources_reset(weft_i_sources *sources, const int32_t *turn, const int64_t *key);

/* The chunk's next source, which is then gone; -1 after the last. */
static inline weft_task weft_i_sources_pop(weft_i_sources *sources, int32_t chunk)
{
    int32_t *next = &sources->next[chunk];
    return *next < sources->first[chunk + 1] ? sources->tasks[(*next)++] : -1;
}

static inline bool weft_i_is_source(const weft_i_net *net, weft_task task)
{
    return weft_task_pass(task) == WEFT_PASS_FW && net->in.first[task] == net->in.first[task + 1];
}

#endif
