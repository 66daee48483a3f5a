/* bench/schedule_memory.h - memory of the zero-bubble authors' schedules: in flight what an order
 * keeps, bytes of it by the emulator. Not: 1F1B, which is a set of bench/published.h.
 */
#ifndef WEFT_BENCH_SCHEDULE_MEMORY_H
#define WEFT_BENCH_SCHEDULE_MEMORY_H

#include <weft/weft.h>

#include "bench/csv.h"

/* Enum value, name, column of zero_bubble.csv, room in activations of a stage per pipeline rank;
 * 0 = interleaved 1F1B, one layer a chunk. */
#define MEMORY_SCHEDULE_LIST(X)                                                                    \
    X(INTERLEAVED, "1F1B-I", "memGB_1F1BI", 0)                                                     \
    X(ZB_1P, "ZB-1p", "memGB_ZB1p", 1)                                                             \
    X(ZB_2P, "ZB-2p", "memGB_ZB2p", 2)

typedef enum memory_schedule {
#define MEMORY_SCHEDULE_ENUM(name, text, column, room) MEMORY_SCHEDULE_##name,
    MEMORY_SCHEDULE_LIST(MEMORY_SCHEDULE_ENUM)
#undef MEMORY_SCHEDULE_ENUM
        N_MEMORY_SCHEDULES
} memory_schedule;

const char *memory_schedule_name(memory_schedule schedule);

/* A row of zero_bubble.csv under a schedule: bytes of the device that needs most. */
typedef struct memory_row {
    double predicted, measured;
} memory_row;

/* Predict row `r` of `table` on the cluster with its stack in force, which has to have nodes
 * enough. Any error ends the program. */
memory_row memory_row_of(const csv *table, int r, memory_schedule schedule,
                         const weft_cluster *cluster, const weft_recipe *recipe);

/* Mean and worst error of all rows of `folder`/zero_bubble.csv, a line a schedule; `rows`: each
 * row, too. */
void memory_print(const char *folder, bool rows);

#endif
