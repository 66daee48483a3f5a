/* emu/measurements.h - measured steps out of memory, for tests and fuzzing. */
#ifndef WEFT_EMU_MEASUREMENTS_H
#define WEFT_EMU_MEASUREMENTS_H

#include "weft/fit.h"

/* weft_measurements_read of a text of n bytes, which is cut into its cells and has a '\0' behind
 * them; `name` is what errors call it. Free *out_measurements. */
weft_status weft_i_measurements_parse(const char *name, char *text, size_t n, weft_error *error,
                                      weft_measurements **out_measurements);

#endif
