/* runtime/clock.h - how far two clocks are apart, from questions and answers (Cristian 1989). */
#ifndef WEFT_RUNTIME_CLOCK_H
#define WEFT_RUNTIME_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Asked and heard by one's own clock, answered by the other's. */
typedef struct weft_i_clock_sample {
    int64_t asked_ns, answered_ns, heard_ns;
} weft_i_clock_sample;

typedef struct weft_i_clock_offset {
    int64_t offset_ns; /* of the other's clock less one's own */
    int64_t error_ns;  /* the true one is no further away, but for drift */
} weft_i_clock_offset;

/* From n >= 1 samples: the one of the shortest way there and back says most. On one machine there
 * is one monotonic clock: `same_machine` makes it 0 unless the samples exclude that. */
weft_i_clock_offset weft_i_clock_estimate(const weft_i_clock_sample *samples, int n,
                                          bool same_machine);

#endif
