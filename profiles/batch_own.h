/* profiles/batch_own.h - a batch out of memory, for tests and fuzzing. */
#ifndef WEFT_PROFILES_BATCH_OWN_H
#define WEFT_PROFILES_BATCH_OWN_H

#include "weft/batch.h"

/* weft_batch_read of a text; `name` is what errors call it. Free *out_batch. */
weft_status weft_i_batch_parse(const char *name, const char *text, size_t n, weft_error *error,
                               weft_batch **out_batch);

#endif
