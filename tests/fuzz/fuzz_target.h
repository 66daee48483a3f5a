/* What each fuzz target defines, under the name that libFuzzer calls. */
#ifndef WEFT_FUZZ_TARGET_H
#define WEFT_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Returns 0; a defect aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() that stays in release builds. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

#endif
