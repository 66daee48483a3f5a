/* partition/tokens.c - input rules, each as the model that made it known has it. */
#include "partition/tokens.h"

#include <math.h>

static int64_t at_least_one(int64_t n)
{
    return n < 1 ? 1 : n;
}

/* A product of counts that stops at WEFT_INT_MAX: hostile sizes must not overflow. */
static int64_t product(int64_t a, int64_t b)
{
    return a > WEFT_INT_MAX / b ? WEFT_INT_MAX : a * b;
}

/* A count from a double: ceil, within 1..limit. */
static int64_t count_up(double value, int64_t limit)
{
    if (!(value > 1)) return 1;
    return value >= (double)limit ? limit : (int64_t)ceil(value);
}

static int32_t grid_side(int64_t side)
{
    return side < 1 ? 1 : side > INT32_MAX ? INT32_MAX : (int32_t)side;
}

/* Python's round: half to even, whatever the rounding mode of the process. */
static int64_t round_half_even(int64_t n, int64_t divisor)
{
    int64_t quotient = n / divisor, rest = n % divisor;
    bool up = 2 * rest > divisor || (2 * rest == divisor && quotient % 2 == 1);
    return quotient + (up ? 1 : 0);
}

static weft_i_tokens tokens_of_grid(const weft_input_rule *rule, int64_t time, int64_t height,
                                    int64_t width)
{
    int64_t merge = at_least_one(rule->merge);
    weft_i_tokens result = {{grid_side(time), grid_side(height), grid_side(width)}, 0, 0};
    int64_t rows = (result.grid[1] + merge - 1) / merge;
    int64_t columns = (result.grid[2] + merge - 1) / merge;
    result.tokens = product(product(result.grid[1], result.grid[2]), result.grid[0]);
    result.out_tokens = product(product(rows, columns), result.grid[0]);
    return result;
}

/* Source: smart_resize of Qwen2-VL's image processor (qwen-vl-utils, transformers), which limits
 * the ratio of the sides to 200; here a thinner image keeps at least one factor a side. */
void weft_i_smart_resize(int32_t width, int32_t height, int32_t factor, int64_t min_pixels,
                         int64_t max_pixels, int64_t *out_width, int64_t *out_height)
{
    int64_t unit = at_least_one(factor), w = at_least_one(width), h = at_least_one(height);
    int64_t w_bar = at_least_one(round_half_even(w, unit)) * unit;
    int64_t h_bar = at_least_one(round_half_even(h, unit)) * unit;
    if (max_pixels > 0 && product(w_bar, h_bar) > max_pixels) {
        double beta = sqrt((double)w * (double)h / (double)max_pixels);
        w_bar = at_least_one((int64_t)floor((double)w / beta / (double)unit)) * unit;
        h_bar = at_least_one((int64_t)floor((double)h / beta / (double)unit)) * unit;
    } else if (product(w_bar, h_bar) < min_pixels) {
        double beta = sqrt((double)min_pixels / ((double)w * (double)h));
        w_bar = count_up((double)w * beta / (double)unit, INT32_MAX) * unit;
        h_bar = count_up((double)h * beta / (double)unit, INT32_MAX) * unit;
    }
    *out_width = w_bar;
    *out_height = h_bar;
}

static weft_i_tokens dynamic_tokens(const weft_input_rule *rule, int32_t width, int32_t height)
{
    int64_t patch = at_least_one(rule->patch), w, h;
    int32_t factor = grid_side(product(patch, at_least_one(rule->merge)));
    weft_i_smart_resize(width, height, factor, rule->min_pixels, rule->max_pixels, &w, &h);
    return tokens_of_grid(rule, 1, h / patch, w / patch);
}

/* The grids of i columns whose ratio is nearest to `ratio`: rows out_first..out_last, none where
 * out_first > out_last. The nearest lies beside i / ratio; one more on both sides covers rounding.
 */
static void nearest_rows(double ratio, int64_t i, int64_t min, int64_t max, int64_t *out_first,
                         int64_t *out_last)
{
    int64_t least = (min + i - 1) / i, most = max / i;
    double rows = floor((double)i / ratio);
    int64_t nearest = rows < (double)most ? (int64_t)rows : most;
    *out_first = nearest - 1 > least ? (nearest - 1 < most ? nearest - 1 : most) : least;
    *out_last = nearest + 2 < most ? (nearest + 2 > least ? nearest + 2 : least) : most;
}

/* Tiles of the grid of min..max tiles whose ratio of sides is closest to the image's. Among equals
 * the largest of which the image fills more than half, or the smallest. Source: dynamic_preprocess
 * and find_closest_aspect_ratio of InternVL, which walk over all grids by number of tiles. */
static int32_t tile_count(const weft_input_rule *rule, int32_t width, int32_t height)
{
    int64_t max = at_least_one(rule->max_tiles), min = at_least_one(rule->min_tiles);
    double w = (double)at_least_one(width), h = (double)at_least_one(height);
    double tile = (double)at_least_one(rule->size), best = INFINITY;
    int64_t smallest = 1, largest_filled = 0, first, last;
    for (int64_t i = 1; i <= max; i++) {
        nearest_rows(w / h, i, min, max, &first, &last);
        for (int64_t j = first; j <= last && j <= max / i; j++) {
            double difference = fabs(w / h - (double)i / (double)j);
            if (difference > best) continue;
            bool filled = w * h > 0.5 * tile * tile * (double)(i * j);
            if (difference < best || i * j < smallest) smallest = i * j;
            if (difference < best) largest_filled = 0;
            if (filled && i * j > largest_filled) largest_filled = i * j;
            best = difference;
        }
    }
    return grid_side(largest_filled > smallest ? largest_filled : smallest);
}

static weft_i_tokens tile_tokens(const weft_input_rule *rule, int32_t width, int32_t height)
{
    int64_t side = at_least_one(rule->size) / at_least_one(rule->patch);
    int64_t tiles = tile_count(rule, width, height);
    if (rule->thumbnail && tiles > 1) tiles++;
    return tokens_of_grid(rule, tiles, side, side);
}

weft_i_tokens weft_i_tokens_image(const weft_input_rule *rule, int32_t width, int32_t height)
{
    if (rule->kind == WEFT_INPUT_DYNAMIC) return dynamic_tokens(rule, width, height);
    if (rule->kind == WEFT_INPUT_TILES) return tile_tokens(rule, width, height);
    int64_t patch = at_least_one(rule->patch);
    if (rule->size > 0) return tokens_of_grid(rule, 1, rule->size / patch, rule->size / patch);
    return tokens_of_grid(rule, 1, height / patch, width / patch);
}

weft_i_tokens weft_i_tokens_clip(const weft_input_rule *rule, double seconds, int32_t width,
                                 int32_t height)
{
    int64_t pixels = product(at_least_one(rule->spatial), at_least_one(rule->patch));
    int64_t w = rule->width > 0 ? rule->width : width;
    int64_t h = rule->height > 0 ? rule->height : height;
    /* A frame is counted once half of it is there. */
    int64_t frames = count_up(floor(seconds * rule->fps + 0.5), INT32_MAX);
    int64_t temporal = at_least_one(rule->temporal);
    if (rule->min_pixels > 0 || rule->max_pixels > 0) {
        int32_t factor = grid_side(product(pixels, at_least_one(rule->merge)));
        weft_i_smart_resize(grid_side(w), grid_side(h), factor, rule->min_pixels, rule->max_pixels,
                            &w, &h);
    }
    return tokens_of_grid(rule, (frames + temporal - 1) / temporal, h / pixels, w / pixels);
}

weft_i_tokens weft_i_tokens_audio(const weft_input_rule *rule, double seconds)
{
    int64_t merge = at_least_one(rule->merge);
    int64_t tokens = count_up(seconds * rule->tokens_per_second, WEFT_INT_MAX);
    return (weft_i_tokens){{0, 0, 0}, tokens, (tokens - 1) / merge + 1};
}

int64_t weft_i_tokens_text(const weft_input_rule *rule, int64_t chars, int64_t words)
{
    if (chars <= 0) return 0;
    double chars_per_token = rule->chars_per_token > 0 ? rule->chars_per_token : 4;
    bool blanks = words < 0 || (double)words * 12 >= (double)chars;
    return count_up((double)chars / (blanks ? chars_per_token : 1.5), WEFT_INT_MAX);
}
