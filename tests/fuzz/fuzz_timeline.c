/* Fuzz target: any bytes as a weft.timeline. One that is read is written and read again as it was.
 */
#include <string.h>

#include "plan/timeline_own.h"
#include "tests/fuzz/fuzz_target.h"

/* What weft writes; caller frees. */
static char *print(const weft_timeline *timeline, size_t *out_n)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, out_n);
    FUZZ_CHECK(stream);
    FUZZ_CHECK(weft_i_timeline_print(timeline, stream, NULL) == WEFT_STATUS_OK);
    fclose(stream);
    return text;
}

static void write_and_read(const weft_timeline *timeline)
{
    size_t n_first = 0, n_second = 0;
    weft_timeline *again = NULL;
    char *first = print(timeline, &n_first);
    FUZZ_CHECK(weft_i_timeline_parse("copy", first, n_first, NULL, &again) == WEFT_STATUS_OK);
    char *second = print(again, &n_second);
    FUZZ_CHECK(n_first == n_second && memcmp(first, second, n_first) == 0);
    free(first);
    free(second);
    weft_timeline_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weft_error error = {0};
    weft_timeline *timeline = NULL;
    weft_status status = weft_i_timeline_parse("fuzz", (const char *)data, size, &error, &timeline);
    FUZZ_CHECK(status == error.status && (status == WEFT_STATUS_OK) == (timeline != NULL));
    if (timeline) write_and_read(timeline);
    weft_timeline_free(timeline);
    return 0;
}
