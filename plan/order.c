/* plan/order.c - making, copying and freeing an order. Not: its times (order_time.c). */
#include "weft/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* The struct, its two arrays and all tasks are one block. */
typedef struct block {
    weft_order order;
    weft_task *rest[]; /* n_ranks pointers, then the counts, then the tasks */
} block;

weft_order *weft_order_create(int32_t n_ranks, const int32_t *capacity)
{
    size_t n_tasks = 0;
    for (int32_t r = 0; r < n_ranks; r++)
        n_tasks += (size_t)capacity[r];
    size_t n = (size_t)n_ranks;
    block *made = weft_i_alloc(1, sizeof(block) + n * sizeof(weft_task *) + n * sizeof(int32_t) +
                                      n_tasks * sizeof(weft_task));
    if (!made) return NULL;
    int32_t *counts = (int32_t *)(void *)(made->rest + n);
    made->order = (weft_order){.n_ranks = n_ranks, .n_tasks = counts, .tasks = made->rest};
    weft_task *next = counts + n;
    for (int32_t r = 0; r < n_ranks; r++) {
        made->rest[r] = next;
        next += capacity[r];
    }
    return &made->order;
}

weft_order *weft_order_copy(const weft_order *order)
{
    weft_order *copy = weft_order_create(order->n_ranks, order->n_tasks);
    if (!copy) return NULL;
    for (int32_t r = 0; r < order->n_ranks; r++) {
        copy->n_tasks[r] = order->n_tasks[r];
        memcpy(copy->tasks[r], order->tasks[r], (size_t)order->n_tasks[r] * sizeof(weft_task));
    }
    return copy;
}

void weft_order_free(weft_order *order)
{
    free(order);
}
