/* plan/export/torch_csv.c - one replica's order as a schedule of torch.distributed.pipelining, its
 * passes alone or with its communication. */
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "plan/export/torch_line.h"

typedef struct csv_row {
    const weft_i_torch_line *line;
    FILE *stream;
    bool is_begun;
    /* With communication, of each chunk: its passes to come, and whether the plan reduces it. */
    int32_t *left;
    bool *is_reduced;
} csv_row;

static const weft_problem *problem_of(const csv_row *row)
{
    return &row->line->pipeline->problem;
}

static int32_t chunk_of(const csv_row *row, int32_t stage)
{
    return problem_of(row)->stages[stage].chunk;
}

static bool is_pass(const weft_action *action)
{
    return action->kind <= WEFT_ACTION_BWW;
}

/* "2F5", "2SEND_F5": what a stage does for its microbatch. */
static void write_cell(csv_row *row, int32_t stage, const char *what)
{
    fprintf(row->stream, "%s%d%s%d", row->is_begun ? "," : "",
            row->line->place[chunk_of(row, stage)], what, row->line->microbatch[stage]);
    row->is_begun = true;
}

static void write_chunk_cell(csv_row *row, int32_t chunk, const char *what)
{
    fprintf(row->stream, "%s%d%s", row->is_begun ? "," : "", row->line->place[chunk], what);
    row->is_begun = true;
}

/* --- passes alone --- */

static void write_passes(csv_row *row, const weft_rank_actions *actions)
{
    static const char *const letters[] = {"F", "B", "I", "W"};
    const weft_action *waiting = NULL; /* a bwi that is not written yet */
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        if (!is_pass(action)) continue;
        bool joins =
            waiting && action->kind == WEFT_ACTION_BWW && action->operand == waiting->operand;
        if (waiting) write_cell(row, waiting->operand, joins ? "B" : "I");
        waiting = action->kind == WEFT_ACTION_BWI ? action : NULL;
        if (!joins && !waiting) write_cell(row, action->operand, letters[action->kind]);
    }
}

/* --- with communication --- */

static void look_ahead(csv_row *row, const weft_rank_actions *actions)
{
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        if (is_pass(action)) row->left[chunk_of(row, action->operand)]++;
        if (action->kind == WEFT_ACTION_REDUCE) row->is_reduced[action->operand] = true;
    }
}

/* Replicas gather and reduce in one group, and may have other orders of passes: so parameters are
 * gathered in the order of the line, and gradients reduced where the plan has it, which is in the
 * same sequence everywhere. A single replica reduces after the last pass. */
static void write_gathers(csv_row *row, int32_t rank)
{
    const weft_problem *problem = problem_of(row);
    for (int32_t place = 0; place < problem->n_chunks; place++) {
        int32_t chunk = row->line->chunk[place];
        if (problem->chunks[chunk].rank == rank) write_chunk_cell(row, chunk, "UNSHARD");
    }
}

static void write_reduce(csv_row *row, int32_t chunk)
{
    write_chunk_cell(row, chunk, "REDUCE_GRAD");
    write_chunk_cell(row, chunk, "RESHARD");
}

static void write_pass(csv_row *row, const weft_action *action)
{
    static const char *const letters[] = {"F", "B", "I", "W"};
    int32_t chunk = chunk_of(row, action->operand);
    write_cell(row, action->operand, letters[action->kind]);
    if (--row->left[chunk] == 0 && !row->is_reduced[chunk]) write_reduce(row, chunk);
}

/* Each end of a message is named by the stage that is there. */
static void write_message(csv_row *row, const weft_action *action)
{
    const weft_edge *edge = &problem_of(row)->edges[action->operand];
    bool is_forward = edge->pass == WEFT_PASS_FW;
    if (action->kind == WEFT_ACTION_ISEND)
        write_cell(row, edge->from, is_forward ? "SEND_F" : "SEND_B");
    else
        write_cell(row, edge->to, is_forward ? "RECV_F" : "RECV_B");
}

static void write_all(csv_row *row, const weft_rank_actions *actions)
{
    look_ahead(row, actions);
    for (int32_t a = 0; a < actions->n_actions; a++) {
        const weft_action *action = &actions->actions[a];
        if (is_pass(action))
            write_pass(row, action);
        else if (action->kind == WEFT_ACTION_ISEND || action->kind == WEFT_ACTION_IRECV)
            write_message(row, action);
        else if (action->kind == WEFT_ACTION_REDUCE)
            write_reduce(row, action->operand);
    }
}

static weft_status export(const weft_plan *plan, int32_t replica, bool communicates,
                          const char *file, weft_error *error)
{
    weft_i_torch_line line;
    weft_i_file_out out;
    weft_status status = weft_i_torch_line_make(plan, replica, error, &line);
    if (status != WEFT_STATUS_OK) return status;
    const weft_problem *problem = &line.pipeline->problem;
    int32_t *left = weft_i_new(&line.arena, int32_t, problem->n_chunks);
    bool *is_reduced = weft_i_new(&line.arena, bool, problem->n_chunks);
    status = left && is_reduced ? weft_i_file_create(file, error, &out) : weft_i_no_memory(error);
    for (int32_t r = 0; r < problem->n_ranks && status == WEFT_STATUS_OK; r++) {
        csv_row row = {.line = &line, .stream = out.stream, .left = left, .is_reduced = is_reduced};
        if (communicates) write_gathers(&row, r);
        (communicates ? write_all : write_passes)(&row, &line.pipeline->ranks[r]);
        fputc('\n', out.stream);
    }
    if (status == WEFT_STATUS_OK) status = weft_i_file_commit(&out, error);
    weft_i_arena_free(&line.arena);
    return status;
}

weft_status weft_export_torch_csv(const weft_plan *plan, int32_t replica, const char *file,
                                  weft_error *error)
{
    return export(plan, replica, false, file, error);
}

weft_status weft_export_torch_comms(const weft_plan *plan, int32_t replica, const char *file,
                                    weft_error *error)
{
    return export(plan, replica, true, file, error);
}
