/* runtime/kernel_cell.h - how a kernel of a GPU is written so that the host can run it too.
 *
 * A kernel is what one thread of one block does in one phase; between phases the threads of a block
 * wait for each other, and all that they then know of each other is in the block's shared floats.
 * On a GPU blocks and threads run at once (cuda_module.cu), on the host one after another (twin.c):
 * the arithmetic and the order of every sum are the same. C and C++. */
#ifndef WEFT_RUNTIME_KERNEL_CELL_H
#define WEFT_RUNTIME_KERNEL_CELL_H

#include <math.h>

#include "runtime/bfloat16.h"

enum {
    WEFT_I_BLOCK = 256, /* threads */
    WEFT_I_FOLD = 16,   /* squared, a block */
    WEFT_I_SECOND = WEFT_I_BLOCK,
    WEFT_I_FOLDED = 2 * WEFT_I_BLOCK,
    WEFT_I_SHARED = WEFT_I_FOLDED + 4 * WEFT_I_FOLD, /* floats: two parts a thread, four sums */
    WEFT_I_EACH = 4 * WEFT_I_BLOCK, /* elements that a block does where each stands alone */
    WEFT_I_COLUMNS = 32,            /* that a block adds up, by so many threads each: */
    WEFT_I_LANES_DOWN = WEFT_I_BLOCK / WEFT_I_COLUMNS
};

typedef struct weft_i_cell {
    int64_t block;
    int thread;
    float *shared;
} weft_i_cell;

/* Elements of this cell among n that each stand alone. */
#define WEFT_I_FOR_EACH(i, cell, n)                                                                \
    for (int64_t i = (cell).block * WEFT_I_EACH + (cell).thread;                                   \
         i < (n) && i < ((cell).block + 1) * WEFT_I_EACH; i += WEFT_I_BLOCK)

/* Elements of this cell in a row that its block has for itself. */
#define WEFT_I_FOR_ROW(i, cell, width)                                                             \
    for (int64_t i = (cell).thread; i < (width); i += WEFT_I_BLOCK)

/* Blocks for n elements, and for n columns. */
WEFT_I_BOTH int64_t weft_i_blocks_each(int64_t n)
{
    return (n + WEFT_I_EACH - 1) / WEFT_I_EACH;
}

WEFT_I_BOTH int64_t weft_i_blocks_columns(int64_t n)
{
    return (n + WEFT_I_COLUMNS - 1) / WEFT_I_COLUMNS;
}

/* A sum over the block takes three phases: each thread leaves its part; some fold them; then each
 * thread may ask for the whole. `from` is where the parts lie, `to` which of the four sums. */
WEFT_I_BOTH void weft_i_fold(weft_i_cell cell, int from, int to)
{
    float sum = 0;
    if (cell.thread >= WEFT_I_FOLD) return;
    for (int i = 0; i < WEFT_I_FOLD; i++)
        sum += cell.shared[from + cell.thread * WEFT_I_FOLD + i];
    cell.shared[WEFT_I_FOLDED + to * WEFT_I_FOLD + cell.thread] = sum;
}

WEFT_I_BOTH float weft_i_folded(weft_i_cell cell, int to)
{
    float sum = 0;
    for (int i = 0; i < WEFT_I_FOLD; i++)
        sum += cell.shared[WEFT_I_FOLDED + to * WEFT_I_FOLD + i];
    return sum;
}

/* The same for the largest. */
WEFT_I_BOTH void weft_i_fold_max(weft_i_cell cell, int from, int to)
{
    float most = -INFINITY;
    if (cell.thread >= WEFT_I_FOLD) return;
    for (int i = 0; i < WEFT_I_FOLD; i++)
        most = fmaxf(most, cell.shared[from + cell.thread * WEFT_I_FOLD + i]);
    cell.shared[WEFT_I_FOLDED + to * WEFT_I_FOLD + cell.thread] = most;
}

WEFT_I_BOTH float weft_i_folded_max(weft_i_cell cell, int to)
{
    float most = -INFINITY;
    for (int i = 0; i < WEFT_I_FOLD; i++)
        most = fmaxf(most, cell.shared[WEFT_I_FOLDED + to * WEFT_I_FOLD + i]);
    return most;
}

/* Sums down columns: this cell's column, and the rows of it that it adds. */
typedef struct weft_i_down {
    int64_t column;
    int64_t first, step;
} weft_i_down;

WEFT_I_BOTH weft_i_down weft_i_down_of(weft_i_cell cell, int64_t column_block)
{
    weft_i_down down;
    down.column = column_block * WEFT_I_COLUMNS + cell.thread % WEFT_I_COLUMNS;
    down.first = cell.thread / WEFT_I_COLUMNS;
    down.step = WEFT_I_LANES_DOWN;
    return down;
}

/* After a phase in which each thread left its part: the whole column, for the topmost thread. */
WEFT_I_BOTH float weft_i_column_sum(weft_i_cell cell, int from)
{
    float sum = 0;
    for (int i = 0; i < WEFT_I_LANES_DOWN; i++)
        sum += cell.shared[from + i * WEFT_I_COLUMNS + cell.thread];
    return sum;
}

#endif
