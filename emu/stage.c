/* emu/stage.c - subgraphs are asked for, in the cache or anew, and layers add up to a stage. */
#include <math.h>

#include "base/error.h"
#include "emu/offload.h"
#include "emu/shards.h"
#include "emu/strategies.h"
#include "emu/timed.h"

enum { KEY_CORE, KEY_LAYER };

typedef struct core_question {
    const weft_i_emu *emu;
    const weft_i_class *class;
    const weft_i_work *work;
} core_question;

static void fill_core(const void *context, void *value)
{
    const core_question *q = context;
    weft_i_core_price(&q->class->core, &q->emu->machine, q->work, value);
}

/* The work on its slowest device, and attention over it. */
static weft_i_core_sums ask_core(weft_i_emu *emu, const weft_i_class *class,
                                 const weft_i_work *work)
{
    const int64_t head[] = {KEY_CORE, class->core_number, work->tokens};
    weft_i_key key = {.head = head,
                      .n_head = 3,
                      .tail = work->n_spans > 0 ? &work->spans[0].tokens : NULL,
                      .n_tail = (size_t)work->n_spans * (sizeof(weft_i_span) / sizeof(int64_t))};
    core_question question = {emu, class, work};
    weft_i_core_sums sums;
    weft_i_cache_get(emu->cache, &key, fill_core, &question, sizeof sums, &sums);
    return sums;
}

typedef struct layer_question {
    const weft_i_emu *emu;
    const weft_i_class *class;
    weft_i_load load;
} layer_question;

static void fill_layer(const void *context, void *value)
{
    const layer_question *q = context;
    weft_i_operators graph;
    weft_i_operators_clear(&graph);
    weft_i_layer_operators(&q->class->shape, q->class->layer, &q->load, &graph);
    uint32_t sets[WEFT_I_N_STRATEGIES];
    for (int32_t s = 0; s < q->emu->n_strategies; s++)
        sets[s] = weft_i_strategy_set(q->emu, q->class, (weft_i_strategy)s);
    weft_i_operators_price(&graph, &q->emu->machine, (weft_backward)q->class->shape.backward, sets,
                           q->emu->n_strategies, value);
}

/* A layer without its attention. */
static weft_i_sums ask_layer(weft_i_emu *emu, int32_t c, const weft_i_load *load)
{
    const weft_i_class *class = &emu->classes[c];
    const weft_i_shape *shape = &class->shape;
    bool modulated = shape->kind == WEFT_LAYER_DIT && !shape->adaln_shared;
    layer_question question = {emu, class, {.tokens = load->tokens}};
    question.load.context = shape->cross_hidden > 0 ? load->context : 0;
    question.load.spans = modulated ? load->spans : 0;
    const int64_t head[] = {KEY_LAYER, c, question.load.tokens, question.load.context,
                            question.load.spans};
    weft_i_key key = {.head = head, .n_head = 5};
    weft_i_sums sums;
    weft_i_cache_get(emu->cache, &key, fill_layer, &question, sizeof sums, &sums);
    return sums;
}

/* What a stage has come to, its layers taken from the last to the first as a backward does. */
typedef struct adder {
    weft_i_stage_cost stage;
    int64_t grown_bytes; /* by how much a split backward's memory has changed since it began */
    bool whole;          /* some layer's backward cannot be split */
} adder;

static void raise_to(int64_t *most, int64_t value)
{
    if (*most < value) *most = value;
}

static void add_layer(adder *a, const weft_i_layer_price *layer, weft_backward backward)
{
    weft_cost *cost = &a->stage.cost;
    cost->fw_ns += layer->fw_ns;
    cost->bw_ns += layer->bw_ns;
    cost->bwi_ns += layer->bwi_ns;
    cost->bww_ns += layer->bww_ns;
    cost->recompute_ns += layer->recompute_ns;
    cost->saved_bytes += layer->saved_bytes;
    cost->held_bytes += layer->held_bytes;
    a->stage.host_bytes += layer->host_bytes;
    raise_to(&cost->work_bytes[WEFT_PASS_FW], layer->fw_work);
    if (backward == WEFT_BACKWARD_NONE) return;
    raise_to(&cost->work_bytes[WEFT_PASS_BW], layer->bw_work);
    raise_to(&cost->work_bytes[WEFT_PASS_BWI], a->grown_bytes + layer->bw_work + layer->made_bytes);
    a->grown_bytes += layer->held_bytes - layer->saved_bytes;
    if (backward == WEFT_BACKWARD_FULL) {
        raise_to(&cost->work_bytes[WEFT_PASS_BWW], layer->bww_work);
        a->whole |= layer->bww_ns == 0;
    }
}

/* The largest of the sums is under WEFT_INT_MAX where these are: the rest is part of them. */
static bool is_in_range(const weft_i_stage_cost *stage)
{
    const weft_cost *cost = &stage->cost;
    return cost->fw_ns <= WEFT_INT_MAX && cost->bw_ns <= WEFT_INT_MAX &&
           cost->bwi_ns <= WEFT_INT_MAX && cost->bww_ns <= WEFT_INT_MAX &&
           cost->saved_bytes <= WEFT_INT_MAX && stage->host_bytes <= WEFT_INT_MAX &&
           cost->held_bytes <= WEFT_INT_MAX && cost->work_bytes[WEFT_PASS_FW] < WEFT_INT_MAX &&
           cost->work_bytes[WEFT_PASS_BW] < WEFT_INT_MAX &&
           cost->work_bytes[WEFT_PASS_BWI] <= WEFT_INT_MAX;
}

/* A backward without weight gradients, or of which a half is missing, is not split. */
static void finish(adder *a, weft_backward backward)
{
    weft_cost *cost = &a->stage.cost;
    bool splits = backward == WEFT_BACKWARD_FULL && !a->whole && cost->bwi_ns > 0;
    if (splits) return;
    cost->bwi_ns = cost->bww_ns = cost->held_bytes = 0;
    cost->work_bytes[WEFT_PASS_BWI] = cost->work_bytes[WEFT_PASS_BWW] = 0;
}

static weft_status check_question(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n,
                                  const weft_i_work *work, weft_error *error)
{
    const weft_model *model = emu->model;
    if (module < 0 || module >= model->n_modules || first < 0 || n < 0 ||
        n > model->modules[module].n_layers - first)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "no layers %d to %d in module %d of model %s", first, first + n - 1,
                           module, model->name);
    const int64_t most = INT64_C(1) << 40; /* tokens */
    int64_t left = work->tokens;
    for (int32_t i = 0; i < work->n_spans && left >= 0; i++) {
        const weft_i_span *span = &work->spans[i];
        if (span->tokens < 0 || span->context < 0 || span->context > most)
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                               "span %d has %lld tokens and %lld of context, expected 0 to %lld", i,
                               (long long)span->tokens, (long long)span->context, (long long)most);
        left = span->tokens > left ? -1 : left - span->tokens;
    }
    if (work->tokens < 0 || work->tokens > most || (work->n_spans > 0 && left != 0))
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "a work of %lld tokens in %d spans: expected their sum, at most %lld",
                           (long long)work->tokens, work->n_spans, (long long)most);
    return WEFT_STATUS_OK;
}

static double context_of(const weft_i_work *work)
{
    double context = 0;
    for (int32_t i = 0; i < work->n_spans; i++)
        context += (double)work->spans[i].context;
    return context;
}

/* The layer at hand: asked for anew only where it differs from the one before. */
typedef struct pricer {
    weft_i_emu *emu;
    const weft_i_work *work;
    double context; /* tokens of the condition in all */
    int32_t class;  /* -1 = none yet */
    weft_i_strategy strategy;
    weft_i_core_sums core;
    weft_i_sums sums;
    weft_i_layer_price price;
    double flop, again; /* of the model, and repeated */
    double condition;   /* bytes of it, at most */
} pricer;

static void price_layer(pricer *p, int32_t c, weft_i_strategy strategy)
{
    bool shares = p->emu->reuse != WEFT_REUSE_MODE_NONE;
    if (shares && c == p->class && strategy == p->strategy) return;
    const weft_i_class *class = &p->emu->classes[c];
    if (!shares || c != p->class) {
        p->core = ask_core(p->emu, class, p->work);
        p->sums = ask_layer(p->emu, c, &p->core.load);
        p->flop = weft_i_layer_model_flop(class, p->work, &p->core, p->context);
        if (class->shape.backward == WEFT_BACKWARD_FULL)
            p->condition = fmax(p->condition, (double)p->core.load.context *
                                                  (double)class->shape.cross_hidden * 2);
    }
    p->price = weft_i_layer_price_of(&p->emu->machine, class, &p->sums, &p->core, strategy);
    weft_i_timed_apply(class, p->work, &p->price);
    if (p->emu->recipe->zero >= 2) weft_i_shard_apply(p->emu, class, &p->price);
    weft_i_offload_apply(p->emu, &p->price);
    p->again = weft_i_layer_recompute_flop(class, p->work, &p->sums, &p->core, strategy);
    p->class = c;
    p->strategy = strategy;
}

/* Layers of a module, and their strategies `step` apart: 0 = one for all. */
typedef struct stage_question {
    weft_i_emu *emu;
    int32_t module, first, n;
    const weft_i_work *work;
    const weft_i_strategy *strategies;
    int32_t step;
} stage_question;

/* A stage and whether its sums are in range. */
typedef struct priced_stage {
    weft_i_stage_cost stage;
    int64_t fits;
} priced_stage;

static void fill_stage(const void *context, void *value)
{
    const stage_question *q = context;
    const weft_i_emu_module *module = &q->emu->modules[q->module];
    priced_stage *out = value;
    adder a = {0};
    pricer p = {.emu = q->emu, .work = q->work, .context = context_of(q->work), .class = -1};
    *out = (priced_stage){.fits = true};
    for (int32_t l = q->first + q->n - 1; q->work->tokens > 0 && l >= q->first; l--) {
        price_layer(&p, module->classes[l], q->strategies[(l - q->first) * q->step]);
        add_layer(&a, &p.price, (weft_backward)q->emu->classes[p.class].shape.backward);
        a.stage.model_flop += p.flop;
        a.stage.recompute_flop += p.again;
        if (!is_in_range(&a.stage)) out->fits = false;
        if (!out->fits) return;
    }
    /* The layers read the same condition: it is saved once. */
    a.stage.cost.saved_bytes += weft_i_whole_bytes(p.condition);
    a.stage.cost.held_bytes += weft_i_whole_bytes(p.condition);
    finish(&a, weft_i_emu_backward(q->emu, q->module, q->first, q->n));
    weft_i_timed_add_pass(q->emu, &a.stage.cost);
    out->stage = a.stage;
}

/* A stage of one strategy is known by the classes of its layers, run by run. One of more runs than
 * the key has room for, or of a mix of strategies, is put together anew. */
static void ask_stage(const stage_question *q, priced_stage *out)
{
    enum { MAX_RUNS = 6, HEAD = 2 };
    const weft_i_emu_module *module = &q->emu->modules[q->module];
    int64_t head[HEAD + 2 * MAX_RUNS] = {q->strategies[0], q->work->tokens};
    int32_t end = q->first + q->n, n_runs = 0;
    weft_i_key key = {.head = head,
                      .tail = q->work->n_spans > 0 ? &q->work->spans[0].tokens : NULL,
                      .n_tail = (size_t)q->work->n_spans * (sizeof(weft_i_span) / sizeof(int64_t))};
    int32_t l = q->first;
    for (; l < end && n_runs < MAX_RUNS; n_runs++) {
        int32_t next = module->run_end[l] < end ? module->run_end[l] : end;
        head[HEAD + 2 * n_runs] = module->classes[l];
        head[HEAD + 2 * n_runs + 1] = next - l;
        l = next;
    }
    key.n_head = HEAD + 2 * (size_t)n_runs;
    bool is_keyed = q->step == 0 && l == end;
    weft_i_cache_get(is_keyed ? q->emu->stages : NULL, &key, fill_stage, q, sizeof *out, out);
}

static weft_status check_strategies(const stage_question *q, weft_error *error)
{
    int32_t n = q->step > 0 ? q->n : 1;
    for (int32_t i = 0; i < n; i++)
        if (q->strategies[i] < WEFT_I_STRATEGY_NONE ||
            (int32_t)q->strategies[i] >= q->emu->n_strategies)
            return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                               "memory strategy %d, expected 0 to %d: the recipe has %d sets",
                               (int)q->strategies[i], q->emu->n_strategies - 1,
                               q->emu->n_strategies - WEFT_I_STRATEGY_SET);
    return WEFT_STATUS_OK;
}

static weft_status price_stage(const stage_question *q, weft_error *error,
                               weft_i_stage_cost *out_cost)
{
    weft_status status = check_question(q->emu, q->module, q->first, q->n, q->work, error);
    if (status == WEFT_STATUS_OK) status = check_strategies(q, error);
    if (status != WEFT_STATUS_OK) return status;
    priced_stage priced;
    ask_stage(q, &priced);
    if (!priced.fits)
        return weft_i_fail(error, WEFT_STATUS_BAD_INPUT,
                           "a stage of %d layers on %lld tokens takes more ns or bytes than %lld",
                           q->n, (long long)q->work->tokens, (long long)WEFT_INT_MAX);
    *out_cost = priced.stage;
    return WEFT_STATUS_OK;
}

weft_status weft_i_emu_stage(weft_i_emu *emu, int32_t module, int32_t first, int32_t n,
                             const weft_i_work *work, weft_i_strategy strategy, weft_error *error,
                             weft_i_stage_cost *out_cost)
{
    const stage_question q = {emu, module, first, n, work, &strategy, 0};
    return price_stage(&q, error, out_cost);
}

weft_status weft_i_emu_stage_mixed(weft_i_emu *emu, int32_t module, int32_t first, int32_t n,
                                   const weft_i_work *work, const weft_i_strategy *strategies,
                                   weft_error *error, weft_i_stage_cost *out_cost)
{
    const stage_question q = {emu, module, first, n, work, strategies, 1};
    return price_stage(&q, error, out_cost);
}

bool weft_i_emu_layers_equal(const weft_i_emu *emu, int32_t module, int32_t a, int32_t b, int32_t n)
{
    const int32_t *classes = emu->modules[module].classes;
    for (int32_t i = 0; i < n; i++)
        if (classes[a + i] != classes[b + i]) return false;
    return true;
}

weft_backward weft_i_emu_backward(const weft_i_emu *emu, int32_t module, int32_t first, int32_t n)
{
    weft_backward most = WEFT_BACKWARD_NONE;
    for (int32_t l = first; l < first + n; l++) {
        int64_t backward = emu->classes[emu->modules[module].classes[l]].shape.backward;
        if (backward > (int64_t)most) most = (weft_backward)backward;
    }
    return most;
}
