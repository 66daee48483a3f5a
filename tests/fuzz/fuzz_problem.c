/* Fuzz target: any bytes as a weft.problem. One that is read keeps every rule, and is written and
 * read again as it was. */
#include <string.h>

#include "plan/problem_json.h"
#include "tests/fuzz/fuzz_target.h"

/* What weft writes; caller frees. */
static char *print(const weft_problem *problem, size_t *out_n)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, out_n);
    FUZZ_CHECK(stream);
    FUZZ_CHECK(weft_i_problem_print(problem, stream, NULL) == WEFT_STATUS_OK);
    fclose(stream);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_error error = {0};
    weft_problem *problem = NULL, *again = NULL;
    weft_status status = weft_i_problem_parse("fuzz", (const char *)data, size, &error, &problem);
    if (status != WEFT_STATUS_OK) {
        FUZZ_CHECK(status == WEFT_STATUS_BAD_INPUT && error.status == status && error.text[0]);
        FUZZ_CHECK(!problem);
        return 0;
    }
    FUZZ_CHECK(weft_problem_check(problem, NULL) == WEFT_STATUS_OK);
    size_t n_first = 0, n_second = 0;
    char *first = print(problem, &n_first);
    FUZZ_CHECK(weft_i_problem_parse("copy", first, n_first, NULL, &again) == WEFT_STATUS_OK);
    char *second = print(again, &n_second);
    FUZZ_CHECK(n_first == n_second && memcmp(first, second, n_first) == 0);
    free(first);
    free(second);
    weft_problem_free(problem);
    weft_problem_free(again);
    return 0;
}
