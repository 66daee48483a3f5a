/* profiles/recompute.c - see recompute.h. */
#include "profiles/recompute.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
#define WEFT_I_TEXT(name, text) text,
    WEFT_I_RECOMPUTE_REGIONS(WEFT_I_TEXT) WEFT_I_RECOMPUTE_DISCARDS(WEFT_I_TEXT)
#undef WEFT_I_TEXT
};

static const char offload[] = "offload.";

/* The bit of a name of n bytes; 0 = unknown. */
static uint32_t bit_of(const char *text, size_t n)
{
    const size_t prefix = sizeof offload - 1;
    if (n > prefix && memcmp(text, offload, prefix) == 0)
        return bit_of(text + prefix, n - prefix) << WEFT_I_OFFLOAD_SHIFT;
    for (int i = 0; i < WEFT_I_N_RECOMPUTE_NAMES; i++)
        if (strlen(names[i]) == n && memcmp(names[i], text, n) == 0) return 1u << i;
    return 0;
}

static void describe(const char *word, size_t n, bool is_there, weft_i_recompute_fault *out)
{
    size_t used =
        (size_t)snprintf(out->text, sizeof out->text, "'%.*s' is %s", n < 40 ? (int)n : 40, word,
                         is_there ? "there twice" : "no operator of");
    for (int i = 0; !is_there && i < WEFT_I_N_RECOMPUTE_NAMES; i++)
        used += (size_t)snprintf(out->text + used, sizeof out->text - used, "%s %s",
                                 i > 0 ? "," : "", names[i]);
    if (!is_there)
        snprintf(out->text + used, sizeof out->text - used, " (offload.mlp: kept on the host)");
}

bool weft_i_recompute_parse(const char *text, uint32_t *out_set, weft_i_recompute_fault *out_fault)
{
    uint32_t set = 0;
    for (;;) {
        size_t n = strcspn(text, ",+");
        uint32_t bit = bit_of(text, n);
        if (bit == 0 || (set & bit)) {
            describe(text, n, bit != 0, out_fault);
            return false;
        }
        set |= bit;
        if (text[n] == 0) break;
        text += n + 1;
    }
    *out_set = set;
    return true;
}

void weft_i_recompute_write(uint32_t set, char out_text[WEFT_I_RECOMPUTE_SIZE])
{
    size_t used = 0;
    out_text[0] = 0;
    for (int bit = 0; bit < 2 * WEFT_I_OFFLOAD_SHIFT; bit++) {
        if (!(set & (1u << bit))) continue;
        used += (size_t)snprintf(out_text + used, WEFT_I_RECOMPUTE_SIZE - used, "%s%s%s",
                                 used > 0 ? "+" : "", bit < WEFT_I_OFFLOAD_SHIFT ? "" : offload,
                                 names[bit % WEFT_I_OFFLOAD_SHIFT]);
    }
}
