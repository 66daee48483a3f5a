/* profiles/table.h - reading a table of efficiencies, [[x, y], ...]. */
#ifndef WEFT_PROFILES_TABLE_H
#define WEFT_PROFILES_TABLE_H

#include "base/json_in.h"
#include "weft/cluster.h"

/* 1 to 1000 points, x > 0 and ascending, 0 < y <= max. */
weft_status weft_i_table_read(const weft_i_json *in, double max, weft_i_arena *arena,
                              weft_error *error, weft_table *out);

#endif
