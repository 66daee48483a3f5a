/* plan/actions_json.c - see actions_json.h. */
#include "plan/actions_json.h"

#include <string.h>

static int32_t count(const weft_i_operands *operands, weft_operand operand)
{
    switch (operand) {
    case WEFT_OPERAND_STAGE:
        return operands->n_stages;
    case WEFT_OPERAND_EDGE:
        return operands->n_edges;
    case WEFT_OPERAND_CHUNK:
        return operands->n_chunks;
    case WEFT_OPERAND_NONE:
        break;
    }
    return 0;
}

#define ACTION_WORD(name, text, operand) "|" text
static const char action_words[] = WEFT_ACTION_LIST(ACTION_WORD);
#undef ACTION_WORD

/* ["isend",3,0]: kind, operand and, of messages, a group. */
static void read_action(weft_i_reader *reader, const weft_i_json *in, void *out)
{
    weft_action *action = out;
    action->group = -1;
    size_t n;
    int kind;
    reader->status = weft_i_json_array(in, 1, 3, reader->error, &n);
    if (reader->status != WEFT_STATUS_OK) return;
    weft_i_json item = weft_i_json_item(in, 0);
    reader->status = weft_i_json_choice(&item, action_words + 1, reader->error, &kind);
    if (reader->status != WEFT_STATUS_OK) return;
    action->kind = (weft_action_kind)kind;
    weft_operand operand = weft_action_operand(action->kind);
    bool has_operand = operand != WEFT_OPERAND_NONE;
    size_t least = has_operand ? 2 : 1, most = operand == WEFT_OPERAND_EDGE ? 3 : least;
    reader->status = weft_i_json_array(in, least, most, reader->error, &n);
    if (has_operand && n > 1) {
        item = weft_i_json_item(in, 1);
        int32_t max = count(reader->context, operand) - 1;
        action->operand = (int32_t)weft_i_read_int(reader, &item, 0, max);
    }
    if (n > 2) {
        item = weft_i_json_item(in, 2);
        action->group = (int32_t)weft_i_read_int(reader, &item, 0, INT32_MAX);
    }
}

/* One time of each action. */
static void read_times(weft_i_reader *reader, const weft_i_json *in, const char *key,
                       const weft_rank_actions *rank, size_t offset)
{
    weft_i_json array;
    size_t n = (size_t)rank->n_actions;
    if (reader->status != WEFT_STATUS_OK || !weft_i_json_get(in, key, &array)) return;
    reader->status = weft_i_json_array(&array, n, n, reader->error, &n);
    if (reader->status != WEFT_STATUS_OK) return;
    for (size_t i = 0; i < n; i++) {
        weft_i_json item = weft_i_json_item(&array, i);
        int64_t time = weft_i_read_int(reader, &item, 0, WEFT_INT_MAX);
        memcpy((char *)&rank->actions[i] + offset, &time, sizeof(time));
    }
}

void weft_i_read_actions(weft_i_reader *reader, const weft_i_json *in,
                         const weft_i_operands *operands, weft_rank_actions *out)
{
    void *context = reader->context;
    weft_i_operands own = *operands;
    reader->context = &own;
    out->actions =
        weft_i_read_array(reader, in, "actions", sizeof(weft_action), read_action, &out->n_actions);
    reader->context = context;
    read_times(reader, in, "start_ns", out, offsetof(weft_action, start_ns));
    read_times(reader, in, "end_ns", out, offsetof(weft_action, end_ns));
}

static void write_action(weft_i_json_out *out, const weft_action *action)
{
    weft_i_json_open_array(out);
    weft_i_json_put_string(out, weft_action_name(action->kind));
    weft_operand operand = weft_action_operand(action->kind);
    if (operand != WEFT_OPERAND_NONE) weft_i_json_put_int(out, action->operand);
    if (operand == WEFT_OPERAND_EDGE && action->group >= 0) {
        weft_i_json_put_int(out, action->group);
    }
    weft_i_json_close_array(out);
}

void weft_i_write_actions(weft_i_json_out *out, const weft_rank_actions *rank)
{
    weft_i_json_compact(out);
    weft_i_json_key(out, "actions");
    weft_i_json_open_array(out);
    for (int32_t a = 0; a < rank->n_actions; a++)
        write_action(out, &rank->actions[a]);
    weft_i_json_close_array(out);
    weft_i_json_compact(out);
    weft_i_json_key(out, "start_ns");
    weft_i_json_open_array(out);
    for (int32_t a = 0; a < rank->n_actions; a++)
        weft_i_json_put_int(out, rank->actions[a].start_ns);
    weft_i_json_close_array(out);
    weft_i_json_compact(out);
    weft_i_json_key(out, "end_ns");
    weft_i_json_open_array(out);
    for (int32_t a = 0; a < rank->n_actions; a++)
        weft_i_json_put_int(out, rank->actions[a].end_ns);
    weft_i_json_close_array(out);
}
