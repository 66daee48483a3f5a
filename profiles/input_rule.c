/* profiles/input_rule.c - keys, defaults and checks of each input rule. */
#include "profiles/input_rule.h"

enum { MAX_SIDE = 1 << 20, MAX_TILES = 10000 };

#define RULE                                                                                       \
    {                                                                                              \
        WEFT_I_FIELD_OTHER("rule")                                                                 \
    }
#define INT(field, low, high, is_needed)                                                           \
    {                                                                                              \
        WEFT_I_FIELD_INT32(#field, weft_input_rule, field), .min = low, .max = high,               \
                                                            .required = is_needed                  \
    }
#define INT64(field, low, high, is_needed)                                                         \
    {                                                                                              \
        WEFT_I_FIELD(#field, WEFT_I_JSON_INT64, weft_input_rule, field), .min = low, .max = high,  \
                                                                         .required = is_needed     \
    }
#define DOUBLE(field, low, high, is_needed)                                                        \
    {                                                                                              \
        WEFT_I_FIELD_DOUBLE(#field, weft_input_rule, field), .min = low, .max = high,              \
                                                             .required = is_needed                 \
    }
#define BOOL(field)                                                                                \
    {                                                                                              \
        WEFT_I_FIELD_BOOL(#field, weft_input_rule, field)                                          \
    }
#define PATCH INT(patch, 1, MAX_SIDE, true)
#define MERGE INT(merge, 1, 256, false)

static const weft_i_json_field text_fields[] = {RULE, DOUBLE(chars_per_token, 0.01, 1000, false)};
static const weft_i_json_field fixed_fields[] = {RULE, INT(size, 1, MAX_SIDE, true), PATCH, MERGE};
static const weft_i_json_field dynamic_fields[] = {
    RULE, PATCH, MERGE, INT64(min_pixels, 1, 1e12, true), INT64(max_pixels, 1, 1e12, true),
};
static const weft_i_json_field tiles_fields[] = {
    RULE,
    INT(size, 1, MAX_SIDE, true),
    PATCH,
    MERGE,
    INT(min_tiles, 1, MAX_TILES, false),
    INT(max_tiles, 1, MAX_TILES, true),
    BOOL(thumbnail),
};
static const weft_i_json_field video_fields[] = {
    RULE,
    DOUBLE(fps, 0.01, 1000, true),
    DOUBLE(max_seconds, 0.01, 1e6, true),
    INT(width, 0, MAX_SIDE, false),
    INT(height, 0, MAX_SIDE, false),
    INT(temporal, 1, 1024, false),
    INT(spatial, 1, 1024, false),
    PATCH,
    MERGE,
};
static const weft_i_json_field audio_fields[] = {
    RULE,
    DOUBLE(tokens_per_second, 0.01, 1e6, true),
    MERGE,
};

typedef struct rule_table {
    const weft_i_json_field *fields;
    size_t n;
} rule_table;

#define TABLE(name)                                                                                \
    {                                                                                              \
        name, sizeof(name) / sizeof((name)[0])                                                     \
    }
/* By weft_input_kind. */
static const char kinds[] = "text|fixed|dynamic|tiles|video|audio";
static const rule_table tables[] = {TABLE(text_fields),  TABLE(fixed_fields), TABLE(dynamic_fields),
                                    TABLE(tiles_fields), TABLE(video_fields), TABLE(audio_fields)};

weft_modality weft_i_input_rule_modality(weft_input_kind kind)
{
    switch (kind) {
    case WEFT_INPUT_TEXT:
        return WEFT_MODALITY_TEXT;
    case WEFT_INPUT_FIXED:
    case WEFT_INPUT_DYNAMIC:
    case WEFT_INPUT_TILES:
        return WEFT_MODALITY_IMAGE;
    case WEFT_INPUT_VIDEO:
        return WEFT_MODALITY_VIDEO;
    case WEFT_INPUT_AUDIO:
        break;
    }
    return WEFT_MODALITY_AUDIO;
}

static weft_status check_side(const weft_i_json *in, const char *what, int32_t side, int64_t unit,
                              weft_error *error)
{
    if (side % unit == 0) return WEFT_STATUS_OK;
    return weft_i_json_fail(in, error, "%s %d is not divisible by %lld, the side of a token", what,
                            side, (long long)unit);
}

static weft_status check(const weft_i_json *in, const weft_input_rule *rule, weft_error *error)
{
    int64_t unit = (int64_t)rule->patch * rule->merge;
    weft_status status = WEFT_STATUS_OK;
    switch (rule->kind) {
    case WEFT_INPUT_FIXED:
        return check_side(in, "size", rule->size, unit, error);
    case WEFT_INPUT_TILES:
        if (rule->min_tiles > rule->max_tiles)
            return weft_i_json_fail(in, error, "min_tiles %d is more than max_tiles %d",
                                    rule->min_tiles, rule->max_tiles);
        return check_side(in, "size", rule->size, unit, error);
    case WEFT_INPUT_DYNAMIC:
        if (rule->min_pixels > rule->max_pixels)
            return weft_i_json_fail(in, error, "min_pixels %lld is more than max_pixels %lld",
                                    (long long)rule->min_pixels, (long long)rule->max_pixels);
        break;
    case WEFT_INPUT_VIDEO:
        if ((rule->width > 0) != (rule->height > 0))
            return weft_i_json_fail(in, error, "width and height go together");
        unit *= rule->spatial;
        status = check_side(in, "width", rule->width, unit, error);
        if (status == WEFT_STATUS_OK) status = check_side(in, "height", rule->height, unit, error);
        break;
    case WEFT_INPUT_TEXT:
    case WEFT_INPUT_AUDIO:
        break;
    }
    return status;
}

weft_status weft_i_input_rule_read(const weft_i_json *in, weft_error *error, weft_input_rule *out)
{
    weft_input_rule rule = {.chars_per_token = 4,
                            .merge = 1,
                            .min_tiles = 1,
                            .thumbnail = true,
                            .temporal = 1,
                            .spatial = 1};
    weft_i_json member;
    int kind;
    if (!weft_i_json_is_object(in))
        return weft_i_json_read(in, NULL, 0, NULL, error, NULL); /* says what it is */
    if (!weft_i_json_get(in, "rule", &member))
        return weft_i_json_fail(in, error, "missing key 'rule'");
    weft_status status = weft_i_json_choice(&member, kinds, error, &kind);
    if (status != WEFT_STATUS_OK) return status;
    status = weft_i_json_read(in, tables[kind].fields, tables[kind].n, NULL, error, &rule);
    rule.kind = (weft_input_kind)kind;
    if (status == WEFT_STATUS_OK) status = check(in, &rule, error);
    if (status == WEFT_STATUS_OK) *out = rule;
    return status;
}
