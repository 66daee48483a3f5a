/* profiles/layer_times_read.c - `layers` of a device in a weft.cluster: what a model's layers took.
 */
#include "base/error.h"
#include "profiles/cluster_own.h"

enum { N_VALUES = 9, MOST_ROWS = 65536, MOST_TOKENS = 1 << 24 };

/* [module, layer, tokens, span, context, fw_ns, bw_ns, bwi_ns, bww_ns] */
static weft_status read_row(const weft_i_json *in, weft_error *error, weft_layer_time *out)
{
    static const struct {
        int64_t min, max;
    } ranges[N_VALUES] = {{0, 4095},
                          {0, 65535},
                          {1, MOST_TOKENS},
                          {1, MOST_TOKENS},
                          {0, MOST_TOKENS},
                          {0, INT64_C(1000000000000)},
                          {0, INT64_C(1000000000000)},
                          {0, INT64_C(1000000000000)},
                          {0, INT64_C(1000000000000)}};
    int64_t v[N_VALUES];
    size_t n;
    weft_status status = weft_i_json_array(in, N_VALUES, N_VALUES, error, &n);
    for (size_t i = 0; i < N_VALUES && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(in, i);
        status = weft_i_json_int(&item, ranges[i].min, ranges[i].max, error, &v[i]);
    }
    if (status == WEFT_STATUS_OK)
        *out = (weft_layer_time){(int32_t)v[0], (int32_t)v[1], v[2], v[3], v[4],
                                 v[5],          v[6],          v[7], v[8]};
    return status;
}

weft_status weft_i_layer_times_read(const weft_i_json *in, weft_i_arena *arena, weft_error *error,
                                    weft_layer_times *out)
{
    static const weft_i_json_field FIELDS[] = {
        {WEFT_I_FIELD_STRING("model", weft_layer_times, model), .required = true},
        {WEFT_I_FIELD("pass_ns", WEFT_I_JSON_INT64, weft_layer_times, pass_ns), .max = 1e9},
        {WEFT_I_FIELD_OTHER("times"), .required = true},
    };
    weft_layer_times made = {0};
    weft_i_json array;
    size_t n = 0;
    weft_status status = weft_i_json_read(in, FIELDS, WEFT_I_N_FIELDS(FIELDS), arena, error, &made);
    if (status == WEFT_STATUS_OK && weft_i_json_get(in, "times", &array))
        status = weft_i_json_array(&array, 0, MOST_ROWS, error, &n);
    if (status != WEFT_STATUS_OK) return status;
    made.rows = weft_i_new(arena, weft_layer_time, n);
    if (!made.rows) return weft_i_no_memory(error);
    for (size_t i = 0; i < n && status == WEFT_STATUS_OK; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        status = read_row(&item, error, &made.rows[i]);
    }
    made.n_rows = (int32_t)n;
    if (status == WEFT_STATUS_OK) *out = made;
    return status;
}
