/* plan/synthetic_parse.c - reading the text of a uniform problem. Not: building it (synthetic.c).
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "base/words.h"
#include "plan/synthetic.h"

typedef enum key {
    KEY_PP,
    KEY_MICROBATCHES,
    KEY_FW,
    KEY_BW,
    KEY_BWW,
    KEY_TRANSFER,
    KEY_LIMIT,
    KEY_HELD,
    KEY_SEGMENTS,
    KEY_V,
    KEY_VARY,
    KEY_SEED,
    KEY_STAGE_SCALE,
    N_KEYS
} key;

enum { N_REQUIRED = KEY_BWW }; /* those before it */

#define KEY_NAMES "pp|microbatches|fw|bw|bww|transfer|limit|held|segments|v|vary|seed|stage_scale"

/* A thousand seconds, and a thousand times that, still fit in WEFT_INT_MAX ns. */
#define TIME_MAX_US 1e9
#define SCALE_MAX   1e3

static const struct {
    const char *name;
    bool is_integer;
    double min, max, value; /* value: where the key is absent */
} rules[N_KEYS] = {
    [KEY_PP] = {"pp", true, 1, WEFT_I_SYNTHETIC_RANKS_MAX, 0},
    [KEY_MICROBATCHES] = {"microbatches", true, 1, WEFT_I_SYNTHETIC_MICROBATCHES_MAX, 0},
    [KEY_FW] = {"fw", false, 0, TIME_MAX_US, 0},
    [KEY_BW] = {"bw", false, 0, TIME_MAX_US, 0},
    [KEY_BWW] = {"bww", false, 0, TIME_MAX_US, 0},
    [KEY_TRANSFER] = {"transfer", false, 0, TIME_MAX_US, 0},
    [KEY_LIMIT] = {"limit", false, 0, 8e6, 0}, /* in bytes still below WEFT_INT_MAX */
    [KEY_HELD] = {"held", false, 0, 1, 1},
    [KEY_SEGMENTS] = {"segments", true, 1, WEFT_I_SYNTHETIC_SEGMENTS_MAX, 1},
    [KEY_V] = {"v", true, 0, 1, 0},
    [KEY_VARY] = {"vary", false, 0, 1, 0},
    [KEY_SEED] = {"seed", true, 0, (double)WEFT_INT_MAX, 1},
    [KEY_STAGE_SCALE] = {"stage_scale", false, 0, SCALE_MAX, 0},
};

/* The words of a text: for each key its "key=value", NULL where absent, and its number. */
typedef struct words {
    const char *word[N_KEYS];
    double number[N_KEYS];
} words;

static weft_status fail_word(const char *word, weft_error *error, const char *expected)
{
    char quoted[WEFT_I_QUOTE_SIZE];
    return weft_i_fail(error, WEFT_STATUS_BAD_INPUT, "synthetic: expected %s, found %s", expected,
                       weft_i_words_quote(word, quoted));
}

static bool parse_number(key k, const char *text, double *out)
{
    if (!rules[k].is_integer) return weft_i_parse_double(text, rules[k].min, rules[k].max, out);
    int64_t value;
    if (!weft_i_parse_int(text, (int64_t)rules[k].min, (int64_t)rules[k].max, &value)) return false;
    *out = (double)value;
    return true;
}

static weft_status fail_number(key k, const char *word, weft_error *error)
{
    char range[WEFT_I_RANGE_SIZE];
    return fail_word(
        word, error,
        rules[k].is_integer
            ? weft_i_words_int_range((int64_t)rules[k].min, (int64_t)rules[k].max, range)
            : weft_i_words_double_range(rules[k].min, rules[k].max, range));
}

/* `word` is "key=value"; its '=' is taken out while the key is looked at. */
static weft_status parse_word(char *word, weft_error *error, words *out)
{
    char *equals = strchr(word, '=');
    if (equals) *equals = '\0';
    int place = weft_i_parse_choice(KEY_NAMES, word);
    if (equals) *equals = '=';
    if (!equals || place < 0) {
        char expected[160] = "KEY=VALUE with one of ";
        size_t n = strlen(expected);
        weft_i_words_choices(KEY_NAMES, expected + n, sizeof(expected) - n);
        return fail_word(word, error, expected);
    }
    key k = (key)place;
    if (out->word[k]) return fail_word(word, error, "each key once");
    out->word[k] = word;
    if (k != KEY_STAGE_SCALE && !parse_number(k, equals + 1, &out->number[k])) {
        return fail_number(k, word, error);
    }
    return WEFT_STATUS_OK;
}

/* The words one by one, from a text that is cut into them. */
static weft_status parse_words(char *text, weft_error *error, words *out)
{
    static const char blanks[] = " \t\r\n";
    for (int k = 0; k < N_KEYS; k++)
        out->number[k] = rules[k].value;
    char *rest = NULL;
    for (char *word = strtok_r(text, blanks, &rest); word; word = strtok_r(NULL, blanks, &rest)) {
        weft_status status = parse_word(word, error, out);
        if (status != WEFT_STATUS_OK) return status;
    }
    for (int k = 0; k < N_REQUIRED; k++) {
        if (out->word[k]) continue;
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "synthetic: expected pp, microbatches, fw and bw, found no '%s='",
                           rules[k].name);
    }
    return WEFT_STATUS_OK;
}

/* What the words must be to each other. */
static weft_status check_words(const words *in, weft_error *error)
{
    if (in->number[KEY_BWW] > in->number[KEY_BW]) {
        return fail_word(in->word[KEY_BWW], error, "no more than bw, which includes it");
    }
    if (in->number[KEY_V] > 0 && in->word[KEY_SEGMENTS] && (int)in->number[KEY_SEGMENTS] < 2) {
        return fail_word(in->word[KEY_SEGMENTS], error, "at least 2 segments with v=1, or none");
    }
    return WEFT_STATUS_OK;
}

/* "stage_scale=1,1,1.5,3": one factor a rank. */
static weft_status parse_scale(const char *word, int32_t n_ranks, weft_i_arena *arena,
                               weft_error *error, double **out)
{
    double *scale = weft_i_new(arena, double, n_ranks);
    char *list = weft_i_arena_string(arena, strchr(word, '=') + 1);
    if (!scale || !list) return weft_i_no_memory(error);
    int32_t n = 0;
    for (char *factor = list, *next; factor; factor = next, n++) {
        next = strchr(factor, ',');
        if (next) *next++ = '\0';
        if (n == n_ranks) return fail_word(word, error, "one factor for each of the pp ranks");
        if (!parse_number(KEY_STAGE_SCALE, factor, &scale[n])) {
            return fail_number(KEY_STAGE_SCALE, word, error);
        }
    }
    if (n < n_ranks) return fail_word(word, error, "one factor for each of the pp ranks");
    *out = scale;
    return WEFT_STATUS_OK;
}

static int64_t ns_of_us(double us)
{
    return llround(us * 1000);
}

static weft_i_synthetic from_words(const words *in)
{
    const double *number = in->number;
    bool is_v = number[KEY_V] > 0, default_v = is_v && !in->word[KEY_SEGMENTS];
    return (weft_i_synthetic){
        .ranks = (int32_t)number[KEY_PP],
        .microbatches = (int32_t)number[KEY_MICROBATCHES],
        .fw_ns = ns_of_us(number[KEY_FW]),
        .bw_ns = ns_of_us(number[KEY_BW]),
        .bww_ns = ns_of_us(number[KEY_BWW]),
        .is_split = in->word[KEY_BWW] != NULL,
        .transfer_ns = ns_of_us(number[KEY_TRANSFER]),
        .limit_bytes = in->word[KEY_LIMIT]
                           ? llround(number[KEY_LIMIT] * (double)WEFT_I_SYNTHETIC_ACTIVATION_BYTES)
                           : WEFT_INT_MAX,
        .held = number[KEY_HELD],
        .vary = number[KEY_VARY],
        .seed = (uint64_t)number[KEY_SEED],
        .segments = default_v ? 2 : (int32_t)number[KEY_SEGMENTS],
        .is_v = is_v,
        .is_cut_given = in->word[KEY_SEGMENTS] || in->word[KEY_V],
    };
}

weft_status weft_i_synthetic_parse(const char *text, weft_i_arena *arena, weft_error *error,
                                   weft_i_synthetic *out)
{
    char *copy = weft_i_arena_string(arena, text);
    if (!copy) return weft_i_no_memory(error);
    words in = {0};
    weft_status status = parse_words(copy, error, &in);
    if (status == WEFT_STATUS_OK) status = check_words(&in, error);
    if (status != WEFT_STATUS_OK) return status;
    weft_i_synthetic synthetic = from_words(&in);
    if (in.word[KEY_STAGE_SCALE]) {
        status = parse_scale(in.word[KEY_STAGE_SCALE], synthetic.ranks, arena, error,
                             &synthetic.stage_scale);
        if (status != WEFT_STATUS_OK) return status;
    }
    *out = synthetic;
    return WEFT_STATUS_OK;
}
