/* partition/parallel.c - tp, pp, dp, cp and ep, and that they make up the devices. */
#include "weft/partition.h"

#include "base/error.h"

static int32_t first_given(int32_t wanted, int32_t said)
{
    return wanted > 0 ? wanted : said > 0 ? said : 1;
}

weft_status weft_parallel_resolve(const weft_parallel *wanted, const weft_parallel *said,
                                  int64_t gpus, weft_error *error, weft_parallel *out_parallel)
{
    weft_parallel p = {.dp = first_given(wanted->dp, said->dp),
                       .pp = first_given(wanted->pp, said->pp),
                       .tp = first_given(wanted->tp, said->tp),
                       .cp = first_given(wanted->cp, said->cp),
                       .ep = first_given(wanted->ep, said->ep)};
    double replica = (double)p.tp * p.cp * p.pp;
    if (replica * p.dp > INT32_MAX)
        return weft_i_fail(error, WEFT_STATUS_USAGE,
                           "tp %d x cp %d x pp %d x dp %d is over %d devices", p.tp, p.cp, p.pp,
                           p.dp, INT32_MAX);
    if (gpus > 0) {
        int64_t n = (int64_t)replica;
        if (wanted->dp > 0 && gpus != n * wanted->dp)
            return weft_i_fail(error, WEFT_STATUS_USAGE,
                               "%lld devices are not tp %d x cp %d x pp %d x dp %d",
                               (long long)gpus, p.tp, p.cp, p.pp, wanted->dp);
        if (gpus % n != 0 || gpus / n > INT32_MAX)
            return weft_i_fail(error, WEFT_STATUS_USAGE,
                               "%lld devices are not tp %d x cp %d x pp %d x a number of replicas",
                               (long long)gpus, p.tp, p.cp, p.pp);
        p.dp = (int32_t)(gpus / n);
    }
    *out_parallel = p;
    return WEFT_STATUS_OK;
}
