/* bench/soak_verify.c - plans and comparisons; least memory is in soak_need.c. */
#include "bench/soak_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void soak_fail(soak_fault *fault, const char *fmt, ...)
{
    va_list args;
    if (fault->text[0]) return;
    va_start(args, fmt);
    vsnprintf(fault->text, sizeof fault->text, fmt, args);
    va_end(args);
}

static void verify_numbers(const weft_pipeline *p, soak_fault *fault)
{
    if (p->lower_bound_ns < 0 || p->lower_bound_ns > p->pipeline_ns)
        soak_fail(fault, "makespan %" PRId64 " below its bound %" PRId64, p->pipeline_ns,
                  p->lower_bound_ns);
    if (p->span_lower_bound_ns < 0 || p->span_lower_bound_ns > p->span_ns)
        soak_fail(fault, "span %" PRId64 " below its bound %" PRId64, p->span_ns,
                  p->span_lower_bound_ns);
    if (p->work_bound_ns < 0 || p->work_bound_ns > p->pipeline_ns)
        soak_fail(fault, "makespan %" PRId64 " below all work / ranks %" PRId64, p->pipeline_ns,
                  p->work_bound_ns);
    for (int32_t r = 0; r < p->problem.n_ranks; r++) {
        if (p->peak_bytes[r] < p->problem.static_bytes[r] ||
            p->peak_bytes[r] > p->problem.limit_bytes[r])
            soak_fail(fault,
                      "rank %d peaks at %" PRId64 " bytes, static %" PRId64 ", limit %" PRId64, r,
                      p->peak_bytes[r], p->problem.static_bytes[r], p->problem.limit_bytes[r]);
    }
}

static bool same_bytes(const char *one, const char *other)
{
    FILE *a = fopen(one, "rb"), *b = fopen(other, "rb");
    bool same = a && b;
    while (same) {
        char x[4096], y[4096];
        size_t n = fread(x, 1, sizeof x, a), m = fread(y, 1, sizeof y, b);
        same = n == m && memcmp(x, y, n) == 0;
        if (n < sizeof x) break;
    }
    if (a) fclose(a);
    if (b) fclose(b);
    return same;
}

static void names_in(const char *folder, char one[4096], char other[4096])
{
    snprintf(one, 4096, "%s/one.json", folder);
    snprintf(other, 4096, "%s/other.json", folder);
}

void soak_verify_plan(const weft_plan *plan, const char *folder, soak_fault *fault)
{
    char one[4096], other[4096];
    weft_error error = {0};
    weft_plan *again = NULL;
    names_in(folder, one, other);
    for (int32_t i = 0; i < plan->n_pipelines; i++)
        verify_numbers(&plan->pipelines[i], fault);
    weft_status status = weft_plan_write(plan, one, &error);
    if (!status) status = weft_plan_read(one, &error, &again);
    if (!status) status = weft_plan_check(again, &error, NULL);
    if (!status) status = weft_plan_write(again, other, &error);
    if (status)
        soak_fail(fault, "method %s: %s %s", plan->method, error.path, error.text);
    else if (!same_bytes(one, other))
        soak_fail(fault, "method %s: read back it is another plan", plan->method);
    weft_plan_free(again);
}

void soak_verify_equal(const weft_plan *a, const weft_plan *b, const char *folder,
                       soak_fault *fault)
{
    char one[4096], other[4096];
    weft_error error = {0};
    names_in(folder, one, other);
    if (weft_plan_write(a, one, &error) || weft_plan_write(b, other, &error))
        soak_fail(fault, "%s", error.text);
    else if (!same_bytes(one, other))
        soak_fail(fault, "planned twice, two plans");
}

static int64_t value_of(const weft_plan *plan)
{
    if (plan->objective != WEFT_OBJECTIVE_SPAN) return plan->predicted.step_ns;
    int64_t worst = 0;
    for (int32_t i = 0; i < plan->n_pipelines; i++)
        worst = plan->pipelines[i].span_ns > worst ? plan->pipelines[i].span_ns : worst;
    return worst;
}

void soak_verify_comparison(const weft_comparison *comparison, const char *folder,
                            soak_fault *fault)
{
    int64_t ours = value_of(comparison->rows[0].plan);
    for (int32_t i = 0; i < comparison->n_rows; i++) {
        const weft_compared *row = &comparison->rows[i];
        if (!row->plan) {
            if (row->status != WEFT_STATUS_INFEASIBLE || !row->text[0])
                soak_fail(fault, "%s: %s: %s", row->name, weft_status_name(row->status), row->text);
            continue;
        }
        soak_verify_plan(row->plan, folder, fault);
        if (value_of(row->plan) < ours)
            soak_fail(fault, "%s takes %" PRId64 ", the plan %" PRId64, row->name,
                      value_of(row->plan), ours);
    }
}

/* "91.2 GiB" in bytes; < 0 where it is no such text. */
static double bytes_of(double number, const char *unit)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i]) == 0) return number;
        number *= 1024;
    }
    return -1;
}

void soak_verify_infeasible(const weft_error *error, soak_fault *fault)
{
    int rank;
    double needs, of;
    char needs_unit[8], of_unit[8];
    const char *claim = strstr(error->text, "rank "); /* "replica 3, " may stand before it */
    if (strstr(error->text, " pipeline ranks for the ") || strstr(error->text, " devices of "))
        return; /* not by memory */
    if (!claim ||
        sscanf(claim, "rank %d needs %lf %7s of %lf %7s", &rank, &needs, needs_unit, &of,
               of_unit) != 5 ||
        bytes_of(needs, needs_unit) < 0 || bytes_of(of, of_unit) < 0)
        soak_fail(fault, "infeasible, but of what rank and bytes? %s", error->text);
    else if (bytes_of(needs, needs_unit) <= bytes_of(of, of_unit))
        soak_fail(fault, "infeasible, but that fits: %s", error->text);
}
