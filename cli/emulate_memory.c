/* cli/emulate_memory.c - the peak of each rank by what holds it, in text and JSON. */
#include "cli/emulate_memory.h"

#include <inttypes.h>
#include <string.h>

/* State of all chunks of a rank; false where nothing is known but the sum. */
static bool state_of(const cli_memory *memory, int32_t rank, weft_emulated_state *out)
{
    const weft_problem *problem = &memory->pipeline->problem;
    *out = (weft_emulated_state){0};
    if (!memory->emulation) return false;
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        if (problem->chunks[c].rank != rank) continue;
        weft_emulated_state state = weft_emulation_state(memory->emulation, &problem->chunks[c]);
        out->parameter_bytes += state.parameter_bytes;
        out->gradient_bytes += state.gradient_bytes;
        out->optimizer_bytes += state.optimizer_bytes;
    }
    return true;
}

/* Whether chunk c is the first of its module on any rank. */
static bool is_first_of_module(const weft_problem *problem, int32_t c)
{
    for (int32_t i = 0; i < c; i++)
        if (strcmp(problem->chunks[i].module, problem->chunks[c].module) == 0) return false;
    return true;
}

/* What the chunks of chunk c's module have saved at the rank's peak. */
static int64_t saved_of_module(const weft_problem *problem, const weft_rank_report *rank, int32_t c)
{
    int64_t bytes = 0;
    for (int32_t i = c; i < problem->n_chunks; i++)
        if (strcmp(problem->chunks[i].module, problem->chunks[c].module) == 0)
            bytes += rank->chunk_bytes[i];
    return bytes;
}

/* What the head of a stage's chunk saves for its backward. */
static int64_t logits_of_stage(const cli_memory *memory, int32_t stage)
{
    const weft_problem *problem = &memory->pipeline->problem;
    const weft_stage *s = &problem->stages[stage];
    if (s->backward == WEFT_BACKWARD_NONE || s->now.n_memory == 0) return 0;
    return weft_emulation_logit_bytes(memory->emulation, &problem->chunks[s->chunk],
                                      problem->submicrobatches[s->submicrobatch].tokens,
                                      s->now.memory[s->now.n_memory - 1].strategy);
}

/* What heads have saved at the rank's peak, of the chunks of chunk c's module: from the start of a
 * forward to the end of the pass that reads it. */
static int64_t logits_of_module(const cli_memory *memory, int32_t rank, int32_t c)
{
    const weft_problem *problem = &memory->pipeline->problem;
    const weft_rank_actions *actions = &memory->pipeline->ranks[rank];
    int64_t peak_ns = memory->report->ranks[rank].peak_ns, bytes = 0;
    for (int32_t a = 0; memory->emulation && a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        bool makes = action->kind == WEFT_ACTION_FW && action->start_ns <= peak_ns;
        bool frees = (action->kind == WEFT_ACTION_BW || action->kind == WEFT_ACTION_BWI) &&
                     action->end_ns <= peak_ns;
        if (!makes && !frees) continue;
        const weft_chunk *chunk = &problem->chunks[problem->stages[action->operand].chunk];
        if (strcmp(chunk->module, problem->chunks[c].module) != 0) continue;
        bytes += (makes ? 1 : -1) * logits_of_stage(memory, action->operand);
    }
    return bytes;
}

/* The same of all modules. */
static int64_t logits_of_rank(const cli_memory *memory, int32_t rank)
{
    const weft_problem *problem = &memory->pipeline->problem;
    int64_t bytes = 0;
    for (int32_t c = 0; c < problem->n_chunks; c++)
        if (is_first_of_module(problem, c)) bytes += logits_of_module(memory, rank, c);
    return bytes;
}

/* What layers other than heads have saved, of the chunks of chunk c's module. */
static int64_t activations_of_module(const cli_memory *memory, int32_t rank, int32_t c)
{
    return saved_of_module(&memory->pipeline->problem, &memory->report->ranks[rank], c) -
           logits_of_module(memory, rank, c);
}

static void print_rank(const cli_memory *memory, int32_t rank)
{
    const weft_problem *problem = &memory->pipeline->problem;
    const weft_rank_report *r = &memory->report->ranks[rank];
    weft_emulated_state state;
    printf("%4d  %-10s at %-10s =", rank, cli_bytes(r->peak_bytes).s, cli_time(r->peak_ns).s);
    if (state_of(memory, rank, &state))
        printf(" parameters %s + gradients %s + optimizer %s", cli_bytes(state.parameter_bytes).s,
               cli_bytes(state.gradient_bytes).s, cli_bytes(state.optimizer_bytes).s);
    else
        printf(" state %s", cli_bytes(r->static_bytes).s);
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        if (!is_first_of_module(problem, c)) continue;
        int64_t saved = activations_of_module(memory, rank, c);
        if (saved > 0) printf(" + %s %s", problem->chunks[c].module, cli_bytes(saved).s);
    }
    int64_t logits = logits_of_rank(memory, rank);
    if (logits > 0) printf(" + logits %s", cli_bytes(logits).s);
    printf(" + messages %s + work %s", cli_bytes(r->buffer_bytes).s, cli_bytes(r->work_bytes).s);
    if (memory->reserved_bytes >= 0) printf("; reserved %s", cli_bytes(memory->reserved_bytes).s);
    putchar('\n');
}

void cli_memory_print(const cli_memory *memory)
{
    puts("\nrank  peak");
    for (int32_t r = 0; r < memory->report->n_ranks; r++)
        print_rank(memory, r);
}

static void json_timeline(const weft_rank_report *rank)
{
    fputs(",\"timeline\":[", stdout);
    for (int32_t i = 0; i < rank->n_memory; i++)
        printf("%s[%" PRId64 ",%" PRId64 "]", i ? "," : "", rank->memory[i].ns,
               rank->memory[i].bytes);
    putchar(']');
}

static void json_rank(const cli_memory *memory, int32_t rank)
{
    const weft_problem *problem = &memory->pipeline->problem;
    const weft_rank_report *r = &memory->report->ranks[rank];
    weft_emulated_state state;
    printf("{\"peak_bytes\":%" PRId64 ",\"peak_ns\":%" PRId64 ",\"static_bytes\":%" PRId64,
           r->peak_bytes, r->peak_ns, r->static_bytes);
    if (state_of(memory, rank, &state))
        printf(",\"parameter_bytes\":%" PRId64 ",\"gradient_bytes\":%" PRId64
               ",\"optimizer_bytes\":%" PRId64,
               state.parameter_bytes, state.gradient_bytes, state.optimizer_bytes);
    fputs(",\"activation_bytes\":{", stdout);
    const char *comma = "";
    for (int32_t c = 0; c < problem->n_chunks; c++) {
        if (!is_first_of_module(problem, c)) continue;
        fputs(comma, stdout);
        cli_json_string(problem->chunks[c].module);
        printf(":%" PRId64, activations_of_module(memory, rank, c));
        comma = ",";
    }
    printf("},\"logit_bytes\":%" PRId64 ",\"message_bytes\":%" PRId64 ",\"work_bytes\":%" PRId64,
           logits_of_rank(memory, rank), r->buffer_bytes, r->work_bytes);
    if (memory->reserved_bytes >= 0) printf(",\"reserved_bytes\":%" PRId64, memory->reserved_bytes);
    json_timeline(r);
    putchar('}');
}

void cli_memory_json(const cli_memory *memory)
{
    fputs(",\"memory\":[", stdout);
    for (int32_t r = 0; r < memory->report->n_ranks; r++) {
        if (r > 0) putchar(',');
        json_rank(memory, r);
    }
    putchar(']');
}
