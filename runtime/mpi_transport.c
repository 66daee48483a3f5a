/* runtime/mpi_transport.c - see mpi_transport.h. */
#include "runtime/mpi_transport.h"

#include <limits.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "runtime/mpi_sends.h"
#include "runtime/tags.h"

struct weft_i_mpi_transport {
    weft_i_world *world;
    const weft_problem *problem;
    weft_i_arena arena;
    int32_t *tags;          /* per edge */
    int64_t *n_bytes;       /* per edge, of the receive that is posted */
    MPI_Request *receives;  /* per edge */
    MPI_Request *reduction; /* per chunk */
    int32_t *posted;        /* chunks under reduction in the order of their posts */
    int32_t n_posted, n_complete;
    weft_i_sends sends;
};

/* Open MPI reduces memory of a GPU only where a process may stand still for it, which is not so
 * with MPI_Iallreduce. */
static weft_status check_buffer(const weft_run_action *action, const weft_run_buffer *buffer,
                                weft_error *error)
{
    if (buffer->is_far && action->kind == WEFT_ACTION_REDUCE)
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "expected a reduction in memory of the host, found that of a GPU");
    if (buffer->n_bytes >= 0 && buffer->n_bytes <= INT_MAX) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_FAILED, "expected 0 to %d bytes, found %lld", INT_MAX,
                       (long long)buffer->n_bytes);
}

static weft_status post_reduction(weft_i_mpi_transport *transport, int32_t chunk,
                                  const weft_run_buffer *buffer, weft_error *error)
{
    bool adds = buffer->element == WEFT_RUN_ELEMENT_FLOAT;
    int size = adds ? (int)sizeof(float) : (int)sizeof(int64_t);
    int code = MPI_Iallreduce(MPI_IN_PLACE, buffer->data, (int)buffer->n_bytes / size,
                              adds ? MPI_FLOAT : MPI_INT64_T, adds ? MPI_SUM : MPI_MAX,
                              transport->world->replicas, &transport->reduction[chunk]);
    /* Those of the step before are all complete: the places are free again. */
    if (transport->n_complete == transport->n_posted)
        transport->n_complete = transport->n_posted = 0;
    transport->posted[transport->n_posted++] = chunk;
    weft_i_world_ring_replicas(transport->world);
    return weft_i_mpi_check(code, "cannot post", error);
}

static weft_status post_send(weft_i_mpi_transport *transport, const weft_run_action *action,
                             const weft_run_buffer *buffer, weft_error *error)
{
    weft_status status =
        weft_i_sends_post(&transport->sends, action, buffer, transport->tags[action->operand],
                          transport->world->pipeline, error);
    weft_i_world_ring_rank(transport->world, action->peer);
    return status;
}

static weft_status post(void *context, const weft_run_action *action, const weft_run_buffer *buffer,
                        weft_error *error)
{
    weft_i_mpi_transport *transport = context;
    weft_status status = check_buffer(action, buffer, error);
    if (status != WEFT_STATUS_OK) return status;
    if (action->kind == WEFT_ACTION_REDUCE)
        return post_reduction(transport, action->operand, buffer, error);
    if (action->kind == WEFT_ACTION_ISEND) return post_send(transport, action, buffer, error);
    int32_t edge = action->operand;
    transport->n_bytes[edge] = buffer->n_bytes;
    int code =
        MPI_Irecv(buffer->data, (int)buffer->n_bytes, MPI_BYTE, action->peer, transport->tags[edge],
                  transport->world->pipeline, &transport->receives[edge]);
    return weft_i_mpi_check(code, "cannot post", error);
}

/* A message of another size than was posted is an error, also a shorter one. */
static weft_status check_received(const weft_i_mpi_transport *transport, int32_t edge, int code,
                                  const MPI_Status *status, weft_error *error)
{
    long long expected = (long long)transport->n_bytes[edge];
    int error_class = MPI_SUCCESS, n_bytes = 0;
    MPI_Error_class(code, &error_class);
    if (error_class == MPI_ERR_TRUNCATE) {
        return weft_i_fail(error, WEFT_STATUS_FAILED,
                           "received a message of more than the expected %lld bytes", expected);
    }
    if (code != MPI_SUCCESS) return weft_i_mpi_check(code, "cannot receive", error);
    MPI_Get_count(status, MPI_BYTE, &n_bytes);
    if (n_bytes == expected) return WEFT_STATUS_OK;
    return weft_i_fail(error, WEFT_STATUS_FAILED, "received a message of %d bytes, expected %lld",
                       n_bytes, expected);
}

static weft_status test_receive(weft_i_mpi_transport *transport, int32_t edge, weft_error *error,
                                bool *out_done)
{
    int done = 0;
    MPI_Status status;
    int code = MPI_Test(&transport->receives[edge], &done, &status);
    if (done || code != MPI_SUCCESS) {
        weft_status checked = check_received(transport, edge, code, &status, error);
        if (checked != WEFT_STATUS_OK) return checked;
    }
    *out_done = done != 0;
    return WEFT_STATUS_OK;
}

static weft_status test_send(weft_i_mpi_transport *transport, int32_t edge, weft_error *error,
                             bool *out_done)
{
    weft_status status = weft_i_sends_look(&transport->sends, error);
    if (status == WEFT_STATUS_OK) *out_done = !weft_i_sends_waits(&transport->sends, edge);
    return status;
}

/* Reductions up to the one of `chunk`, in the order of their posts. */
static weft_status test_reduction(weft_i_mpi_transport *transport, int32_t chunk, weft_error *error,
                                  bool *out_done)
{
    while (transport->n_complete < transport->n_posted) {
        int done = 0;
        int32_t next = transport->posted[transport->n_complete];
        if (transport->reduction[chunk] == MPI_REQUEST_NULL) break;
        int code = MPI_Test(&transport->reduction[next], &done, MPI_STATUS_IGNORE);
        if (code != MPI_SUCCESS) return weft_i_mpi_check(code, "cannot reduce", error);
        if (!done) break;
        transport->n_complete++;
    }
    *out_done = transport->reduction[chunk] == MPI_REQUEST_NULL;
    return WEFT_STATUS_OK;
}

static weft_status test(void *context, const weft_run_action *action, weft_error *error,
                        bool *out_done)
{
    if (action->kind == WEFT_ACTION_WAIT_REDUCE)
        return test_reduction(context, action->operand, error, out_done);
    if (action->kind == WEFT_ACTION_WAIT_ISEND)
        return test_send(context, action->operand, error, out_done);
    return test_receive(context, action->operand, error, out_done);
}

/* Any call lets MPI move what is under way. */
static weft_status progress(void *context, weft_error *error)
{
    weft_i_mpi_transport *transport = context;
    int found = 0;
    if (transport->sends.n > 0) return weft_i_sends_look(&transport->sends, error);
    int code = MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, transport->world->pipeline, &found,
                          MPI_STATUS_IGNORE);
    return weft_i_mpi_check(code, "cannot go on", error);
}

weft_run_transport weft_i_mpi_transport_callbacks(weft_i_mpi_transport *transport)
{
    return (weft_run_transport){
        .context = transport, .post = post, .test = test, .progress = progress};
}

static int32_t rank_of(const weft_problem *problem, int32_t stage)
{
    return problem->chunks[problem->stages[stage].chunk].rank;
}

/* An empty message each way with every rank that there are messages with, so that none of the first
 * step has to connect first. */
static weft_status connect_peers(weft_i_mpi_transport *transport, weft_error *error)
{
    const weft_problem *problem = transport->problem;
    int32_t own = weft_i_world_rank(transport->world);
    bool *is_peer = weft_i_new(&transport->arena, bool, problem->n_ranks);
    if (!is_peer) return weft_i_no_memory(error);
    for (int32_t e = 0; e < problem->n_edges; e++) {
        int32_t from = rank_of(problem, problem->edges[e].from);
        int32_t to = rank_of(problem, problem->edges[e].to);
        if (from != to && (from == own || to == own)) is_peer[from == own ? to : from] = true;
    }
    for (int32_t peer = 0; peer < problem->n_ranks; peer++) {
        MPI_Request in, out;
        MPI_Comm comm = transport->world->pipeline;
        if (!is_peer[peer]) continue;
        int code = MPI_Irecv(NULL, 0, MPI_BYTE, peer, 0, comm, &in);
        if (code == MPI_SUCCESS) code = MPI_Isend(NULL, 0, MPI_BYTE, peer, 0, comm, &out);
        weft_status status = weft_i_mpi_check(code, "cannot connect", error);
        if (status == WEFT_STATUS_OK)
            status = weft_i_world_wait(transport->world, "connecting", &in, error);
        if (status == WEFT_STATUS_OK)
            status = weft_i_world_wait(transport->world, "connecting", &out, error);
        if (status != WEFT_STATUS_OK) return status;
    }
    return WEFT_STATUS_OK;
}

static weft_status make_tags(weft_i_mpi_transport *transport, weft_error *error)
{
    int *max_tag = NULL, has_max = 0;
    MPI_Comm_get_attr(transport->world->pipeline, MPI_TAG_UB, &max_tag, &has_max);
    return weft_i_tags_make(transport->problem, weft_i_world_rank(transport->world),
                            has_max ? *max_tag : 32767, error, transport->tags);
}

weft_status weft_i_mpi_transport_create(weft_i_world *world, const weft_plan *plan,
                                        weft_error *error, weft_i_mpi_transport **out_transport)
{
    weft_i_mpi_transport *made = weft_i_alloc(1, sizeof(*made));
    if (!made) return weft_i_no_memory(error);
    made->world = world;
    made->problem = &plan->pipelines[weft_i_world_replica(world)].problem;
    int32_t n_edges = made->problem->n_edges;
    made->tags = weft_i_new(&made->arena, int32_t, n_edges);
    made->n_bytes = weft_i_new(&made->arena, int64_t, n_edges);
    made->receives = weft_i_new(&made->arena, MPI_Request, n_edges);
    made->reduction = weft_i_new(&made->arena, MPI_Request, plan->n_chunks);
    made->posted = weft_i_new(&made->arena, int32_t, plan->n_chunks);
    weft_status status = WEFT_STATUS_OK;
    if (!made->tags || !made->n_bytes || !made->receives || !made->reduction || !made->posted)
        status = weft_i_no_memory(error);
    if (status == WEFT_STATUS_OK) status = make_tags(made, error);
    if (status == WEFT_STATUS_OK) status = connect_peers(made, error);
    if (status != WEFT_STATUS_OK) {
        weft_i_mpi_transport_free(made);
        return status;
    }
    for (int32_t e = 0; e < n_edges; e++)
        made->receives[e] = MPI_REQUEST_NULL;
    for (int32_t c = 0; c < plan->n_chunks; c++)
        made->reduction[c] = MPI_REQUEST_NULL;
    *out_transport = made;
    return WEFT_STATUS_OK;
}

weft_status weft_i_mpi_transport_drain(weft_i_mpi_transport *transport, weft_error *error)
{
    return weft_i_sends_drain(&transport->sends, transport->world, error);
}

void weft_i_mpi_transport_free(weft_i_mpi_transport *transport)
{
    if (!transport) return;
    weft_i_sends_free(&transport->sends);
    weft_i_arena_free(&transport->arena);
    free(transport);
}
