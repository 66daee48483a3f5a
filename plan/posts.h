/* plan/posts.h - where each rank posts a message's receive and waits for its send, so that no
 * transport can deadlock and buffers live briefly. Not: building actions (compile.c).
 *
 * Why it cannot deadlock. Give the passes their places in the global sequence, and every other
 * action the place of the own pass that it stands around: in order, wait_isends, irecvs and
 * wait_irecvs before the pass, isends after it; waits at the end of a rank have place infinity.
 * That is one total order of all actions, and each rank runs its part of it in order. Whatever a
 * wait needs comes earlier in that order, so the earliest action that is not done can always go on:
 *
 * mpi. wait_irecv stands at the consumer; the isend stands at the producer, which is earlier, and
 * the irecv before it on its rank. wait_isend stands at an own pass later than the irecv's.
 *
 * nccl. The messages of two ranks, in both directions, are ordered by the places of their
 * producers, and both ranks post them in that order (the lower and upper bound below). A wait for
 * message m needs every message m' up to m posted by both ranks. The sender of m posts all of them
 * up to isend m, at m's producer; the receiver posts all of them up to irecv m. Both are before the
 * wait as shown for mpi. */
#ifndef WEFT_PLAN_POSTS_H
#define WEFT_PLAN_POSTS_H

#include "plan/sequence.h"

/* A message. Positions are those of passes in a rank's order. */
typedef struct weft_i_message {
    int32_t edge;
    int32_t sender, receiver;
    int32_t producer, consumer; /* positions of its passes */
    int32_t irecv;              /* posted before the receiver's pass at this position */
    int32_t wait_isend;         /* before the sender's; its number of tasks = at the end */
} weft_i_message;

typedef struct weft_i_posts {
    int32_t n_messages;
    weft_i_message *messages; /* by their producers' places, then by edge */
} weft_i_posts;

/* Place the posts and waits: isend directly after its producer; irecv before the pass that precedes
 * the consumer on its rank, earlier or later only where the pair's order asks for it; wait_irecv
 * directly before the consumer; wait_isend as soon as the receive is sure to be posted. NO_MEMORY
 * or OK; arrays live in the arena. O(passes + edges log passes + ranks). */
weft_status weft_i_posts_place(const weft_i_sequence *sequence, weft_i_arena *arena,
                               weft_error *error, weft_i_posts *out_posts);

#endif
