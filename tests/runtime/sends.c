/* tests/runtime/sends.c - what a transport keeps of its sends, on one process that sends to itself:
 * a plain program, for Criterion's cannot run under MPI. Status 0 = as expected, else one line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/mpi_sends.h"

/* Too long to leave before they are received; two are kept, a third is too much. */
enum { N_BYTES = 30 << 20, N_SENDS = 5 };

static int n_released[N_SENDS];
static char *data[N_SENDS], *received;

static void expect(bool holds, const char *what)
{
    if (holds) return;
    printf("expected %s\n", what);
    fflush(stdout);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void release(void *context, void *from)
{
    int i = *(int *)context;
    expect(from == data[i], "the data that was posted");
    n_released[i]++;
}

static void send(weft_i_sends *sends, int i, int *number, bool is_far)
{
    const weft_run_action action = {.kind = WEFT_ACTION_ISEND, .operand = i};
    weft_run_buffer buffer = {.data = data[i], .n_bytes = N_BYTES, .is_far = is_far};
    memset(data[i], 'a' + i, N_BYTES);
    if (number) {
        buffer.release = release;
        buffer.release_context = number;
    }
    expect(weft_i_sends_post(sends, &action, &buffer, i, MPI_COMM_WORLD, NULL) == WEFT_STATUS_OK,
           "a post that goes well");
    if (!number && !is_far) memset(data[i], '?', N_BYTES); /* it was copied */
}

static void receive(int i)
{
    MPI_Recv(received, N_BYTES, MPI_BYTE, 0, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    expect(received[0] == 'a' + i && received[N_BYTES - 1] == 'a' + i,
           "the message as it was sent");
}

int main(int argc, char **argv)
{
    int numbers[N_SENDS] = {0, 1, 2, 3, 4};
    weft_i_sends sends = {0};
    MPI_Init(&argc, &argv);
    received = malloc(N_BYTES);
    for (int i = 0; i < N_SENDS; i++)
        data[i] = malloc(N_BYTES);
    send(&sends, 0, NULL, false);
    send(&sends, 1, &numbers[1], false);
    expect(!weft_i_sends_waits(&sends, 0), "no wait for a copy");
    expect(!weft_i_sends_waits(&sends, 1), "no wait for what its device parts with");
    send(&sends, 2, &numbers[2], false);
    expect(weft_i_sends_waits(&sends, 2), "a wait for more than is kept");
    receive(0);
    weft_i_sends_look(&sends, NULL);
    send(&sends, 3, NULL, true);
    expect(weft_i_sends_waits(&sends, 3), "a wait for what cannot be copied");
    send(&sends, 4, &numbers[4], true);
    expect(!weft_i_sends_waits(&sends, 4), "room again");
    expect(n_released[1] + n_released[2] + n_released[4] == 0, "no release of what is under way");
    for (int i = 1; i < N_SENDS; i++)
        receive(i);
    weft_i_sends_look(&sends, NULL);
    expect(sends.n == 0 && sends.kept_bytes == 0, "nothing under way");
    expect(n_released[1] == 1 && n_released[2] == 1 && n_released[4] == 1, "one release of each");
    weft_i_sends_free(&sends);
    for (int i = 0; i < N_SENDS; i++)
        free(data[i]);
    free(received);
    MPI_Finalize();
    return 0;
}
