/* Fuzz target: any text as a uniform problem. One that is not too large is built. */
#include <string.h>

#include "plan/synthetic.h"
#include "tests/fuzz/fuzz_target.h"

enum { STAGES_MAX = 20000 }; /* larger ones are only slow */

static void build(const weft_i_synthetic *synthetic)
{
    weft_problem *problem = NULL;
    weft_error error = {0};
    weft_status status = weft_i_synthetic_build(synthetic, &error, &problem);
    if (status != WEFT_STATUS_OK) {
        FUZZ_CHECK(status == WEFT_STATUS_BAD_INPUT && error.text[0] && !problem);
        return;
    }
    FUZZ_CHECK(weft_problem_check(problem, NULL) == WEFT_STATUS_OK);
    FUZZ_CHECK(problem->n_ranks == synthetic->ranks);
    weft_problem_free(problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_i_arena arena = {0};
    weft_i_synthetic synthetic;
    weft_error error = {0};
    char *text = malloc(size + 1);
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = '\0';
    weft_status status = weft_i_synthetic_parse(text, &arena, &error, &synthetic);
    FUZZ_CHECK(status == WEFT_STATUS_OK ||
               (status == WEFT_STATUS_BAD_INPUT && error.status == status && error.text[0]));
    if (status == WEFT_STATUS_OK &&
        (int64_t)synthetic.ranks * synthetic.segments * synthetic.microbatches <= STAGES_MAX) {
        build(&synthetic);
    }
    weft_i_arena_free(&arena);
    free(text);
    return 0;
}
