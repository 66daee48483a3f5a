/* plan/timeline_own.h - timelines that own their memory in one arena, and timelines out of and into
 * text. */
#ifndef WEFT_PLAN_TIMELINE_OWN_H
#define WEFT_PLAN_TIMELINE_OWN_H

#include <stdio.h>

#include "base/arena.h"
#include "weft/timeline.h"

/* An empty timeline and the arena that all of it must live in. NULL when out of memory. */
weft_timeline *weft_i_timeline_create(weft_i_arena **out_arena);

/* The arena of a timeline made by weft_i_timeline_create. */
weft_i_arena *weft_i_timeline_arena(weft_timeline *timeline);

/* weft_timeline_read of n bytes of text; `name` is what errors call it. */
weft_status weft_i_timeline_parse(const char *name, const char *text, size_t n, weft_error *error,
                                  weft_timeline **out_timeline);

/* weft_timeline_write to a stream that is open. */
weft_status weft_i_timeline_print(const weft_timeline *timeline, FILE *stream, weft_error *error);

#endif
