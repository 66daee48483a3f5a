/* Fuzz target: any bytes as a weft.plan. One that is read is checked without harm, whatever rule it
 * breaks, and is written and read again as it was. */
#include <string.h>

#include "plan/plan_json.h"
#include "tests/fuzz/fuzz_target.h"

/* What weft writes; caller frees. */
static char *print(const weft_plan *plan, size_t *out_n)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, out_n);
    FUZZ_CHECK(stream);
    FUZZ_CHECK(weft_i_plan_print(plan, stream, NULL) == WEFT_STATUS_OK);
    fclose(stream);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_error error = {0};
    weft_plan *plan = NULL, *again = NULL;
    weft_status status = weft_i_plan_parse("fuzz", (const char *)data, size, &error, &plan);
    if (status != WEFT_STATUS_OK) {
        FUZZ_CHECK(status == WEFT_STATUS_BAD_INPUT && error.status == status && error.text[0]);
        FUZZ_CHECK(!plan);
        return 0;
    }
    status = weft_plan_check(plan, &error, NULL);
    FUZZ_CHECK(status == WEFT_STATUS_OK || status == WEFT_STATUS_VIOLATION);
    size_t n_first = 0, n_second = 0;
    char *first = print(plan, &n_first);
    FUZZ_CHECK(weft_i_plan_parse("copy", first, n_first, NULL, &again) == WEFT_STATUS_OK);
    FUZZ_CHECK(weft_plan_check(again, NULL, NULL) == status);
    char *second = print(again, &n_second);
    FUZZ_CHECK(n_first == n_second && memcmp(first, second, n_first) == 0);
    free(first);
    free(second);
    weft_plan_free(plan);
    weft_plan_free(again);
    return 0;
}
