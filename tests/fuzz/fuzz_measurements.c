/* Fuzz target: any bytes as a table of measured steps. What is read can be asked; errors name a
 * line of the file. */
#include <string.h>

#include "base/arena.h"
#include "emu/measurements.h"
#include "tests/fuzz/fuzz_target.h"

static void check_row(const weft_measurement *row)
{
    const weft_uniform *q = &row->question;
    FUZZ_CHECK(row->set && row->stack && q->model && q->recipe);
    FUZZ_CHECK(row->quantity < WEFT_N_MEASURED && row->value > 0);
    FUZZ_CHECK(q->parallel.dp > 0 && q->parallel.pp > 0 && q->parallel.tp > 0);
    FUZZ_CHECK(q->microbatch > 0 && q->global_batch > 0 && q->segments > 0);
    FUZZ_CHECK(row->nics >= 0 && row->group >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_error error = {0};
    weft_measurements *measurements = NULL;
    int n_lines = 1;
    char *text = weft_i_alloc(size + 1, 1);
    if (!text) return 0;
    if (size > 0) memcpy(text, data, size);
    for (size_t i = 0; i < size; i++)
        n_lines += text[i] == '\n';
    weft_status status = weft_i_measurements_parse("fuzz", text, size, &error, &measurements);
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == (measurements != NULL));
    FUZZ_CHECK(error.line >= 0 && error.line <= n_lines);
    if (measurements) {
        FUZZ_CHECK(measurements->n_rows > 0 && measurements->n_rows < n_lines);
        for (int32_t i = 0; i < measurements->n_rows; i++)
            check_row(&measurements->rows[i]);
    }
    weft_measurements_free(measurements);
    free(text);
    return 0;
}
