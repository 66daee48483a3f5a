/* partition/replicas.c - equal numbers of microbatches, and about equal work. */
#include "partition/replicas.h"

#include <math.h>
#include <stdbool.h>

#include "base/error.h"
#include "partition/bins.h"

/* Microbatches to spread; the same one may come again. */
typedef struct deal {
    int32_t n, dp;
    int32_t *number;
    int32_t *replica; /* -1 = open */
    double *work;
} deal;

static weft_status deal_make(const double *work, const int32_t *given, int32_t n, int32_t n_wanted,
                             int32_t dp, weft_i_arena *arena, weft_error *error, deal *out)
{
    *out = (deal){n_wanted, dp, weft_i_new(arena, int32_t, n_wanted),
                  weft_i_new(arena, int32_t, n_wanted), weft_i_new(arena, double, n_wanted)};
    if (!out->number || !out->replica || !out->work) return weft_i_no_memory(error);
    for (int32_t i = 0; i < n_wanted; i++) {
        out->number[i] = i % n;
        out->replica[i] = given[i % n];
        out->work[i] = work[i % n];
    }
    return WEFT_STATUS_OK;
}

/* Pairs that are looked at, in all: a bound on the time for many replicas. */
enum { MOST_PAIRS = 1 << 24 };

/* Less than this part of a load is no gain. */
static const double EPSILON = 1e-9;

/* Open microbatches that have been dealt out. */
typedef struct swapper {
    const double *work;
    int32_t n, dp;
    int32_t *replica;
    double *load; /* by replica, what is fixed there included */
    int64_t n_pairs;
} swapper;

/* Exchange a microbatch of the busiest replica for one of another, so that the busier of the two
 * has least; false where none helps. */
static bool swap_busiest(swapper *s)
{
    int32_t busiest = 0, from = -1, to = -1;
    for (int32_t r = 1; r < s->dp; r++)
        if (s->load[r] > s->load[busiest]) busiest = r;
    double least = s->load[busiest] * (1 - EPSILON);
    for (int32_t i = 0; i < s->n; i++)
        for (int32_t j = 0; s->replica[i] == busiest && j < s->n; j++) {
            double moved = s->work[i] - s->work[j];
            double most = fmax(s->load[busiest] - moved, s->load[s->replica[j]] + moved);
            s->n_pairs++;
            if (s->replica[j] == busiest || most >= least) continue;
            least = most;
            from = i;
            to = j;
        }
    if (from < 0) return false;
    double moved = s->work[from] - s->work[to];
    int32_t other = s->replica[to];
    s->load[busiest] -= moved;
    s->load[other] += moved;
    s->replica[from] = other;
    s->replica[to] = busiest;
    return true;
}

/* Give every open one a replica. The quotas leave room for all: the shares sum to n, and a replica
 * over its share only adds to the room of the others. */
static weft_status deal_out(deal *d, weft_i_arena *arena, weft_error *error)
{
    int32_t *quota = weft_i_new(arena, int32_t, d->dp), *open = weft_i_new(arena, int32_t, d->n);
    int32_t *answer = weft_i_new(arena, int32_t, d->n), n_open = 0;
    double *load = weft_i_new(arena, double, d->dp), *work = weft_i_new(arena, double, d->n);
    if (!quota || !open || !answer || !load || !work) return weft_i_no_memory(error);
    for (int32_t r = 0; r < d->dp; r++)
        quota[r] = d->n / d->dp + (r < d->n % d->dp ? 1 : 0);
    for (int32_t i = 0; i < d->n; i++)
        if (d->replica[i] >= 0) {
            load[d->replica[i]] += d->work[i];
            quota[d->replica[i]]--;
        } else {
            work[n_open] = d->work[i];
            open[n_open++] = i;
        }
    weft_status status = weft_i_bins_spread(work, n_open, d->dp, quota, error, load, answer);
    swapper s = {work, n_open, d->dp, answer, load, 0};
    int64_t n_next = (int64_t)n_open * (n_open / d->dp + 1); /* pairs of one exchange */
    while (status == WEFT_STATUS_OK && s.n_pairs + n_next <= MOST_PAIRS && swap_busiest(&s)) {
    }
    for (int32_t i = 0; status == WEFT_STATUS_OK && i < n_open; i++)
        d->replica[open[i]] = answer[i];
    return status;
}

/* By replica, each list repeated or cut to `wanted` (0: as it is). */
static weft_status deal_sort(const deal *d, int32_t wanted, weft_i_arena *arena, weft_error *error,
                             weft_i_shares *out)
{
    size_t n = wanted > 0 ? (size_t)wanted * (size_t)d->dp : (size_t)d->n;
    int32_t *first = weft_i_new(arena, int32_t, d->dp + 1), *number = weft_i_new(arena, int32_t, n);
    if (!first || !number) return weft_i_no_memory(error);
    for (int32_t r = 0; r < d->dp; r++) {
        int32_t start = first[r], end = start;
        int32_t most = wanted > 0 ? start + wanted : INT32_MAX;
        for (int32_t i = 0; i < d->n && end < most; i++)
            if (d->replica[i] == r) number[end++] = d->number[i];
        if (end == start)
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                               "replica %d of %d has no microbatch: the batch makes only %d", r,
                               d->dp, d->n);
        for (int32_t period = end - start; end < start + wanted; end++)
            number[end] = number[end - period];
        first[r + 1] = end;
    }
    *out = (weft_i_shares){first, number};
    return WEFT_STATUS_OK;
}

weft_status weft_i_replicas_share(const double *work, const int32_t *given, int32_t n, int32_t dp,
                                  int32_t wanted, weft_i_arena *arena, weft_error *error,
                                  weft_i_shares *out_shares)
{
    bool any_given = false;
    for (int32_t i = 0; i < n; i++)
        any_given = any_given || given[i] >= 0;
    if (wanted > (1 << 26) / dp)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "%d microbatches for each of %d replicas are over the limit of %d",
                           wanted, dp, 1 << 26);
    weft_i_arena scratch = {0};
    deal d;
    weft_status status = deal_make(work, given, n, wanted > 0 && !any_given ? wanted * dp : n, dp,
                                   &scratch, error, &d);
    if (status == WEFT_STATUS_OK) status = deal_out(&d, &scratch, error);
    if (status == WEFT_STATUS_OK) status = deal_sort(&d, wanted, arena, error, out_shares);
    weft_i_arena_free(&scratch);
    return status;
}
