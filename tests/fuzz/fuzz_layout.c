/* Fuzz target: any bytes as a weft.layout. One that is read keeps every rule, and is written and
 * read again as it was. */
#include <string.h>

#include "plan/layout_own.h"
#include "tests/fuzz/fuzz_target.h"

/* What weft writes; caller frees. */
static char *print(const weft_layout *layout, size_t *out_n)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, out_n);
    FUZZ_CHECK(stream);
    FUZZ_CHECK(weft_i_layout_print(layout, stream, NULL) == WEFT_STATUS_OK);
    fclose(stream);
    return text;
}

static void write_and_read(const weft_layout *layout)
{
    size_t n_first = 0, n_second = 0;
    weft_layout *again = NULL;
    char *first = print(layout, &n_first);
    FUZZ_CHECK(weft_i_layout_parse("copy", first, n_first, NULL, &again) == WEFT_STATUS_OK);
    char *second = print(again, &n_second);
    FUZZ_CHECK(n_first == n_second && memcmp(first, second, n_first) == 0);
    free(first);
    free(second);
    weft_layout_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_error error = {0};
    weft_layout *layout = NULL;
    weft_status status = weft_i_layout_parse("fuzz", (const char *)data, size, &error, &layout);
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == (layout != NULL));
    if (layout) {
        FUZZ_CHECK(weft_layout_check(layout, NULL, NULL) == WEFT_STATUS_OK);
        write_and_read(layout);
    }
    weft_layout_free(layout);
    return 0;
}
