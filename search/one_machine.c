/* search/one_machine.c - see one_machine.h. */
#include "search/one_machine.h"

#include <stdlib.h>

static int compare_heads(const void *a, const void *b)
{
    const weft_i_job *x = a, *y = b;
    return (x->head > y->head) - (x->head < y->head);
}

/* A binary heap of job numbers, the longest tail on top. */
static void sift_up(const weft_i_job *jobs, int32_t *heap, int32_t i)
{
    int32_t job = heap[i];
    while (i > 0 && jobs[heap[(i - 1) / 2]].tail < jobs[job].tail) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = job;
}

static void sift_down(const weft_i_job *jobs, int32_t *heap, int32_t n)
{
    int32_t job = heap[0], i = 0;
    for (int32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && jobs[heap[child + 1]].tail > jobs[heap[child]].tail) child++;
        if (jobs[heap[child]].tail <= jobs[job].tail) break;
        heap[i] = heap[child];
    }
    heap[i] = job;
}

int64_t weft_i_one_machine(weft_i_job *jobs, int32_t n, int32_t *heap)
{
    int64_t now = 0, most = 0;
    int32_t next = 0, n_heap = 0;
    qsort(jobs, (size_t)n, sizeof *jobs, compare_heads);
    while (next < n || n_heap > 0) {
        if (n_heap == 0 && jobs[next].head > now) now = jobs[next].head;
        for (; next < n && jobs[next].head <= now; next++) {
            heap[n_heap] = next;
            sift_up(jobs, heap, n_heap++);
        }
        weft_i_job *job = &jobs[heap[0]];
        int64_t until = now + job->work;
        if (next < n && jobs[next].head < until) until = jobs[next].head;
        job->work -= until - now;
        now = until;
        if (job->work > 0) continue;
        most = now + job->tail > most ? now + job->tail : most;
        heap[0] = heap[--n_heap];
        if (n_heap > 0) sift_down(jobs, heap, n_heap);
    }
    return most;
}
