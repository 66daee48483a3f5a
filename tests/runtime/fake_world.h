/* tests/runtime/fake_world.h - all ranks of a plan in threads of one process: a transport that
 * copies from buffer to buffer, and for each rank a clock that only moves when the rank sleeps. So
 * a run has exactly the times that its device asks for, whatever the machine does. */
#ifndef WEFT_TESTS_RUNTIME_FAKE_WORLD_H
#define WEFT_TESTS_RUNTIME_FAKE_WORLD_H

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "weft/run.h"

/* A message, or one replica's part of a reduction. */
typedef struct fake_post {
    bool is_there;
    weft_run_buffer buffer;
} fake_post;

typedef struct fake_message {
    fake_post isend, irecv;
    bool is_through;
} fake_message;

typedef struct fake_world {
    const weft_plan *plan;
    pthread_mutex_t mutex;
    fake_message **messages; /* per pipeline and edge */
    fake_post **reductions;  /* per pipeline and chunk */
    bool *is_reduced;        /* per chunk */
    int32_t n_posts, n_far;  /* and how many of them in memory of a GPU */
} fake_world;

typedef struct fake_rank {
    fake_world *world;
    int32_t pipeline, rank;
    int64_t now_ns;
    bool waits; /* for others: sleeping takes none of its own time */
} fake_rank;

static inline void fake_world_begin(fake_world *world, const weft_plan *plan)
{
    *world = (fake_world){.plan = plan};
    pthread_mutex_init(&world->mutex, NULL);
    world->messages = calloc((size_t)plan->n_pipelines, sizeof(void *));
    world->reductions = calloc((size_t)plan->n_pipelines, sizeof(void *));
    world->is_reduced = calloc((size_t)plan->n_chunks + 1, sizeof(bool));
    for (int32_t p = 0; p < plan->n_pipelines; p++) {
        size_t n_edges = (size_t)plan->pipelines[p].problem.n_edges;
        world->messages[p] = calloc(n_edges + 1, sizeof(fake_message));
        world->reductions[p] = calloc((size_t)plan->n_chunks + 1, sizeof(fake_post));
    }
}

static inline void fake_world_end(fake_world *world)
{
    for (int32_t p = 0; p < world->plan->n_pipelines; p++) {
        free(world->messages[p]);
        free(world->reductions[p]);
    }
    free(world->messages);
    free(world->reductions);
    free(world->is_reduced);
    pthread_mutex_destroy(&world->mutex);
}

static inline weft_status fake_post_one(void *context, const weft_run_action *action,
                                        const weft_run_buffer *buffer, weft_error *error)
{
    (void)error;
    fake_rank *rank = context;
    fake_world *world = rank->world;
    pthread_mutex_lock(&world->mutex);
    fake_message *message = &world->messages[rank->pipeline][action->operand];
    fake_post *post = action->kind == WEFT_ACTION_REDUCE
                          ? &world->reductions[rank->pipeline][action->operand]
                      : action->kind == WEFT_ACTION_ISEND ? &message->isend
                                                          : &message->irecv;
    bool twice = post->is_there;
    world->n_posts++;
    world->n_far += buffer->is_far;
    *post = (fake_post){true, *buffer};
    pthread_mutex_unlock(&world->mutex);
    return twice ? WEFT_STATUS_FAILED : WEFT_STATUS_OK;
}

/* Sends are synchronous: both sides must be there. */
static inline bool fake_pass_message(fake_message *message)
{
    if (message->is_through) return true;
    if (!message->isend.is_there || !message->irecv.is_there) return false;
    memcpy(message->irecv.buffer.data, message->isend.buffer.data,
           (size_t)message->isend.buffer.n_bytes);
    return message->is_through = true;
}

/* In the sender's own thread, once. */
static inline void fake_release(fake_message *message)
{
    weft_run_buffer *sent = &message->isend.buffer;
    if (sent->release) sent->release(sent->release_context, sent->data);
    sent->release = NULL;
}

/* The sum over the replicas, to all replicas. */
static inline void fake_add(fake_world *world, int32_t chunk)
{
    float *sum = world->reductions[0][chunk].buffer.data;
    int64_t n_bytes = world->reductions[0][chunk].buffer.n_bytes;
    for (int32_t p = 1; p < world->plan->n_pipelines; p++) {
        const float *more = world->reductions[p][chunk].buffer.data;
        for (int64_t i = 0; i < n_bytes / (int64_t)sizeof(float); i++)
            sum[i] += more[i];
    }
    for (int32_t p = 1; p < world->plan->n_pipelines; p++)
        memcpy(world->reductions[p][chunk].buffer.data, sum, (size_t)n_bytes);
}

/* The largest of all replicas, to all replicas; or their sum. */
static inline bool fake_reduce(fake_world *world, int32_t chunk)
{
    if (world->is_reduced[chunk]) return true;
    int64_t most = INT64_MIN;
    for (int32_t p = 0; p < world->plan->n_pipelines; p++) {
        const fake_post *post = &world->reductions[p][chunk];
        if (!post->is_there) return false;
        int64_t value = 0;
        if (post->buffer.element == WEFT_RUN_ELEMENT_INT64)
            memcpy(&value, post->buffer.data, sizeof(value));
        if (value > most) most = value;
    }
    if (world->reductions[0][chunk].buffer.element == WEFT_RUN_ELEMENT_FLOAT) {
        fake_add(world, chunk);
        return world->is_reduced[chunk] = true;
    }
    for (int32_t p = 0; p < world->plan->n_pipelines; p++)
        memcpy(world->reductions[p][chunk].buffer.data, &most, sizeof(most));
    return world->is_reduced[chunk] = true;
}

static inline weft_status fake_test(void *context, const weft_run_action *action, weft_error *error,
                                    bool *out_done)
{
    (void)error;
    fake_rank *rank = context;
    fake_world *world = rank->world;
    pthread_mutex_lock(&world->mutex);
    if (action->kind == WEFT_ACTION_WAIT_REDUCE) {
        /* Those posted before are complete as well. */
        const weft_rank_actions *own = &world->plan->pipelines[rank->pipeline].ranks[rank->rank];
        *out_done = true;
        for (int32_t a = 0; a < own->n_actions; a++) {
            if (own->actions[a].kind != WEFT_ACTION_REDUCE) continue;
            *out_done = *out_done && fake_reduce(world, own->actions[a].operand);
            if (own->actions[a].operand == action->operand) break;
        }
    } else {
        fake_message *message = &world->messages[rank->pipeline][action->operand];
        *out_done = fake_pass_message(message);
        if (*out_done && action->kind == WEFT_ACTION_WAIT_ISEND) fake_release(message);
    }
    rank->waits = !*out_done;
    pthread_mutex_unlock(&world->mutex);
    return WEFT_STATUS_OK;
}

static inline weft_status fake_progress(void *context, weft_error *error)
{
    (void)context;
    (void)error;
    return WEFT_STATUS_OK;
}

static inline int64_t fake_now_ns(void *context)
{
    const fake_rank *rank = context;
    return rank->now_ns;
}

static inline void fake_sleep_ns(void *context, int64_t ns)
{
    fake_rank *rank = context;
    if (rank->waits)
        sched_yield();
    else
        rank->now_ns += ns;
}

static inline weft_run_transport fake_transport(fake_rank *rank)
{
    return (weft_run_transport){rank, fake_post_one, fake_test, fake_progress};
}

static inline weft_run_options fake_options(fake_rank *rank)
{
    weft_run_options options;
    weft_run_options_init(&options);
    options.now_ns = fake_now_ns;
    options.sleep_ns = fake_sleep_ns;
    options.clock_context = rank;
    return options;
}

#endif
