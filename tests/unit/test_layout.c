/* Layouts: written and read back, and every rule broken once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "plan/layout_own.h"

enum { MAX_CHUNKS = 256 };

/* A layout on the stack and what it points to. */
typedef struct example {
    weft_layout layout;
    weft_layout_module modules[2];
    weft_chunk chunks[MAX_CHUNKS];
    int32_t slots[MAX_CHUNKS];
    weft_shared shared[1];
    int32_t shared_chunks[2];
    int32_t n_layers[2];
} example;

/* Two modules cut at random over some of the ranks, in any direction. */
static void make(example *e, uint64_t seed)
{
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    memset(e, 0, sizeof(*e));
    int32_t pp = 1 + (int32_t)weft_i_rng_below(&rng, 8), n = 0;
    e->layout = (weft_layout){.name = "test",
                              .model = "m",
                              .parallel = {2, pp, 4, 1, 1},
                              .modules = e->modules,
                              .n_modules = 2,
                              .chunks = e->chunks,
                              .shared = e->shared,
                              .n_shared = 1};
    for (int32_t m = 0; m < 2; m++) {
        weft_layout_module *module = &e->modules[m];
        *module =
            (weft_layout_module){m ? "language" : "vision", 1 + (int32_t)weft_i_rng_below(&rng, 4),
                                 (int32_t)weft_i_rng_below(&rng, 3) - 1, 1000, 1};
        for (int32_t s = 0; s < module->segments; s++) {
            bool down = module->direction < 0 || (module->direction == 0 && s % 2 == 1);
            int32_t only = (int32_t)weft_i_rng_below(&rng, (uint64_t)pp);
            for (int32_t i = 0; i < pp; i++) {
                if (i != only && weft_i_rng_below(&rng, 4) == 0) continue; /* left out */
                int32_t layers = 1 + (int32_t)weft_i_rng_below(&rng, 5);
                e->slots[n] = (int32_t)weft_i_rng_below(&rng, 3);
                e->chunks[n++] = (weft_chunk){.module = module->module,
                                              .segment = s,
                                              .rank = down ? pp - 1 - i : i,
                                              .first_layer = e->n_layers[m],
                                              .layers = layers};
                e->n_layers[m] += layers;
            }
        }
    }
    e->layout.n_chunks = n;
    if (weft_i_rng_below(&rng, 2)) {
        e->layout.slot_of_chunk = e->slots;
        e->layout.n_slots = 3;
    }
    e->shared_chunks[1] = n - 1;
    e->shared[0] = (weft_shared){"embedding", e->shared_chunks, 2, 12};
}

static void expect_equal(const weft_layout *a, const weft_layout *b)
{
    cr_expect_str_eq(a->name, b->name);
    cr_expect_str_eq(a->model, b->model);
    cr_expect_eq(memcmp(&a->parallel, &b->parallel, sizeof(a->parallel)), 0);
    cr_assert(a->n_modules == b->n_modules && a->n_chunks == b->n_chunks);
    cr_assert(a->n_shared == b->n_shared && a->n_slots == b->n_slots);
    for (int32_t m = 0; m < a->n_modules; m++) {
        const weft_layout_module *x = &a->modules[m], *y = &b->modules[m];
        cr_expect_str_eq(x->module, y->module);
        cr_expect(x->segments == y->segments && x->direction == y->direction);
        cr_expect(x->submicrobatch_tokens == y->submicrobatch_tokens);
        cr_expect_eq(x->microbatches, y->microbatches);
    }
    for (int32_t c = 0; c < a->n_chunks; c++) {
        const weft_chunk *x = &a->chunks[c], *y = &b->chunks[c];
        cr_expect_str_eq(x->module, y->module);
        cr_expect(x->segment == y->segment && x->rank == y->rank);
        cr_expect(x->first_layer == y->first_layer && x->layers == y->layers);
        cr_assert_eq(!a->slot_of_chunk, !b->slot_of_chunk);
        if (a->slot_of_chunk) cr_expect_eq(a->slot_of_chunk[c], b->slot_of_chunk[c]);
    }
    for (int32_t s = 0; s < a->n_shared; s++) {
        const weft_shared *x = &a->shared[s], *y = &b->shared[s];
        cr_expect_str_eq(x->name, y->name);
        cr_assert(x->n_chunks == y->n_chunks && x->bytes == y->bytes);
        cr_expect_eq(memcmp(x->chunks, y->chunks, (size_t)x->n_chunks * sizeof(int32_t)), 0);
    }
}

Test(layout, comes_back_as_it_was)
{
    char name[] = "layout_XXXXXX";
    int fd = mkstemp(name);
    cr_assert_geq(fd, 0);
    close(fd);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        static example e;
        weft_error error = {0};
        weft_layout *read = NULL;
        make(&e, seed);
        cr_assert_eq(weft_layout_check(&e.layout, e.n_layers, &error), WEFT_STATUS_OK,
                     "seed %d %s: %s", (int)seed, error.path, error.text);
        cr_assert_eq(weft_layout_write(&e.layout, name, &error), WEFT_STATUS_OK, "%s", error.text);
        cr_assert_eq(weft_layout_read(name, &error, &read), WEFT_STATUS_OK, "seed %d, %d %s: %s",
                     (int)seed, error.line, error.path, error.text);
        expect_equal(&e.layout, read);
        cr_expect_eq(strlen(read->sha256), 64);
        weft_layout_free(read);
    }
    unlink(name);
}

/* What is said of a two-chunk layout after one change. */
static const char *said(void (*change)(example *e))
{
    static char line[sizeof(weft_error)];
    static example e;
    weft_error error = {0};
    memset(&e, 0, sizeof(e));
    e.layout = (weft_layout){.name = "test",
                             .model = "m",
                             .parallel = {1, 2, 1, 1, 1},
                             .modules = e.modules,
                             .n_modules = 2,
                             .chunks = e.chunks,
                             .n_chunks = 3,
                             .shared = e.shared,
                             .n_shared = 1,
                             .slot_of_chunk = e.slots,
                             .n_slots = 1};
    e.modules[0] = (weft_layout_module){"vision", 1, 1, 1, 1};
    e.modules[1] = (weft_layout_module){"language", 1, 1, 1, 1};
    e.chunks[0] = (weft_chunk){.module = "vision", .layers = 2};
    e.chunks[1] = (weft_chunk){.module = "vision", .rank = 1, .first_layer = 2, .layers = 1};
    e.chunks[2] = (weft_chunk){.module = "language", .rank = 1, .layers = 5};
    e.shared_chunks[1] = 2;
    e.shared[0] = (weft_shared){"embedding", e.shared_chunks, 2, 0};
    e.n_layers[0] = 3;
    e.n_layers[1] = 5;
    change(&e);
    weft_status status = weft_layout_check(&e.layout, e.n_layers, &error);
    cr_expect_eq(status, error.status);
    snprintf(line, sizeof(line), "%s: %s", error.path, error.text);
    return status == WEFT_STATUS_OK ? "ok" : line;
}

#define CHANGE(name, statement)                                                                    \
    static void name(example *e)                                                                   \
    {                                                                                              \
        statement;                                                                                 \
    }
CHANGE(nothing, (void)e)
CHANGE(no_pp, e->layout.parallel.pp = 0)
CHANGE(no_module, e->layout.n_modules = 0)
CHANGE(twice, e->modules[1].module = "vision")
CHANGE(no_segment, e->modules[1].segments = 0)
CHANGE(wrong_direction, e->modules[0].direction = 2)
CHANGE(no_tokens, e->modules[0].submicrobatch_tokens = 0)
CHANGE(no_microbatch, e->modules[0].microbatches = 0)
CHANGE(far_rank, e->chunks[1].rank = 2)
CHANGE(no_layers, e->chunks[1].layers = 0)
CHANGE(gap, e->chunks[1].first_layer = 3)
CHANGE(late_begin, e->chunks[2].first_layer = 1)
CHANGE(same_rank, e->chunks[1].rank = 0)
CHANGE(descending, e->modules[0].direction = -1)
CHANGE(skipped_segment, e->chunks[1].segment = 2)
CHANGE(more_segments, e->modules[0].segments = 2)
CHANGE(no_chunk, e->chunks[2].module = "vision")
CHANGE(unknown, e->layout.n_modules = 1)
CHANGE(too_few_layers, e->n_layers[1] = 6)
CHANGE(far_slot, e->slots[2] = 1)
CHANGE(no_slots, e->layout.n_slots = 0)
CHANGE(shared_with_nobody, e->shared[0].n_chunks = 1)
CHANGE(shared_far, e->shared_chunks[1] = 3)
CHANGE(shared_negative, e->shared[0].bytes = -1)

Test(layout, breaks_each_rule)
{
    const struct {
        void (*change)(example *e);
        const char *expected;
    } cases[] = {
        {nothing, "ok"},
        {no_pp, "$.parallel: expected sizes of at least 1, found 0"},
        {no_module, "$: a layout without modules"},
        {twice, "$.modules[1]: a second module 'vision'"},
        {no_segment, "$.modules[1]: expected at least 1 segment, found 0"},
        {wrong_direction, "$.modules[0]: expected a direction of -1, 0 or 1, found 2"},
        {no_tokens, "$.modules[0]: expected submicrobatch_tokens of at least 1, found 0"},
        {no_microbatch, "$.modules[0]: expected at least 1 microbatch, found 0"},
        {far_rank, "$.chunks[1]: expected a rank from 0 to 1, found 2"},
        {no_layers, "$.chunks[1]: expected at least 1 layer, found 0 from layer 2"},
        {gap, "$.chunks[1]: expected first_layer 2 after the chunk before it, found 3"},
        {late_begin, "$.chunks[2]: a module begins with layer 0 in segment 0"},
        {same_rank, "$.chunks[1]: expected a rank over 0 in segment 0, found 0"},
        {descending, "$.chunks[1]: expected a rank under 0 in segment 0, found 1"},
        {skipped_segment, "$.chunks[1]: expected segment 0 or 1, found 2"},
        {more_segments, "$.modules[0]: module 'vision' has 2 segments, but its chunks 1"},
        {no_chunk, "$.chunks[2]: expected first_layer 3 after the chunk before it, found 0"},
        {unknown, "$.chunks[2]: module 'language' is unknown or out of order"},
        {too_few_layers, "$.modules[1]: module 'language' has 6 layers, but its chunks 5"},
        {far_slot, "$.chunks[2]: expected a slot from 0 to 0, found 1"},
        {no_slots, "$: expected at least 1 slot, found 0"},
        {shared_with_nobody, "$.shared[0]: expected at least 2 chunks, found 1"},
        {shared_far, "$.shared[0]: expected chunks from 0 to 2, found 3"},
        {shared_negative, "$.shared[0]: expected bytes of at least 0, found -1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_str_eq(said(cases[i].change), cases[i].expected, "case %zu: %s", i,
                         said(cases[i].change));
}

/* A layout of one module whose chunks are given. */
static const char *refusal(const char *slots, const char *chunks)
{
    static char text[1024], line[sizeof(weft_error)];
    weft_error error = {0};
    weft_layout *layout = NULL;
    snprintf(text, sizeof(text),
             "{\"format\":\"weft.layout\",\"version\":1,\"revision\":0,\"name\":\"t\",\n"
             "\"model\":\"m\",\"parallel\":{\"dp\":1,\"pp\":2,\"tp\":1,\"cp\":1,\"ep\":1},%s\n"
             "\"modules\":[{\"module\":\"a\",\"segments\":1,\"direction\":1,"
             "\"submicrobatch_tokens\":9}],\n\"chunks\":[\n%s]}",
             slots, chunks);
    weft_status status = weft_i_layout_parse("t", text, strlen(text), &error, &layout);
    cr_assert_eq(status, error.status);
    weft_layout_free(layout);
    snprintf(line, sizeof(line), "%d:%s: %s", error.line, error.path, error.text);
    return status == WEFT_STATUS_OK ? "ok" : line;
}

#define CHUNK(rank, rest)                                                                          \
    "{\"module\":\"a\",\"segment\":0,\"rank\":" rank ",\"first_layer\":0,\"layers\":1" rest "}"

Test(layout, refuses_wrong_files_at_their_line)
{
    cr_expect_str_eq(refusal("", CHUNK("1", "")), "ok");
    cr_expect_str_eq(refusal("\"slots\":2,", CHUNK("1", ",\"slot\":1")), "ok");
    cr_expect_str_eq(refusal("", CHUNK("2", "")),
                     "5:$.chunks[0]: expected a rank from 0 to 1, found 2");
    cr_expect_str_eq(refusal("", CHUNK("0", "") ",\n" CHUNK("1", "")),
                     "6:$.chunks[1]: expected first_layer 1 after the chunk before it, found 0");
    cr_expect_str_eq(refusal("", CHUNK("0", ",\"slot\":0")),
                     "5:$.chunks[0]: slots and the slot of each chunk go together");
    cr_expect_str_eq(refusal("\"slots\":2,", CHUNK("0", "")),
                     "5:$.chunks[0]: slots and the slot of each chunk go together");
    cr_expect_str_eq(refusal("", CHUNK("0", ",\"slots\":0")),
                     "5:$.chunks[0].slots: unknown key 'slots', did you mean 'slot'?");
}
