/* Fuzz target: any bytes as a weft.model, or as a one-line model where they do not begin with '{'.
 * What is read has sizes that can be counted, and edges that can be followed. */
#include <string.h>

#include "profiles/model_own.h"
#include "tests/fuzz/fuzz_target.h"

static void check_model(const weft_model *model)
{
    weft_i_model_fault fault;
    FUZZ_CHECK(model->n_modules > 0 && weft_i_model_is_sound(model, &fault));
    for (int32_t m = 0; m < model->n_modules; m++) {
        int32_t n = model->modules[m].n_layers;
        FUZZ_CHECK(n > 0);
        int64_t all = weft_model_parameters(model, m, 0, n, false);
        int64_t trained = weft_model_parameters(model, m, 0, n, true);
        FUZZ_CHECK(trained >= 0 && trained <= all && all <= WEFT_INT_MAX / 64);
    }
    for (int32_t e = 0; e < model->n_edges; e++) {
        const weft_model_edge *edge = &model->edges[e];
        FUZZ_CHECK(edge->from_module < edge->to_module && edge->to_module < model->n_modules);
        FUZZ_CHECK(edge->to_last_layer < model->modules[edge->to_module].n_layers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_i_arena arena = {0};
    weft_error error = {0};
    weft_model model = {.name = "fuzz"};
    weft_status status;
    char line[1024] = "";
    if (size > 0 && data[0] == '{') {
        status = weft_i_model_read_json("fuzz", (const char *)data, size, &arena, &error, &model);
    } else {
        memcpy(line, data, size < sizeof(line) ? size : sizeof(line) - 1);
        status = weft_i_model_read_gpt(line, &arena, &error, &model);
    }
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == !error.text[0]);
    if (status == WEFT_STATUS_OK) check_model(&model);
    weft_i_arena_free(&arena);
    return 0;
}
