/* The one line that a broken run prints. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/last_words.h"

static weft_i_words words[4];
static bool heard[4];

/* Four processes, all of which were computing. */
static weft_i_all_words begin(int32_t n_replicas)
{
    for (int p = 0; p < 4; p++) {
        words[p] = (weft_i_words){.peer = -1, .since_ns = 100000000 * (p + 1)};
        strcpy(words[p].doing, "fw 7 (action 9)");
        heard[p] = true;
    }
    return (weft_i_all_words){words, heard, 4, n_replicas};
}

static void waits(int p, int peer, weft_status status)
{
    words[p] = (weft_i_words){.status = status, .peer = peer, .since_ns = 5000000000};
    strcpy(words[p].doing, "wait_irecv 3 from its peer (action 8)");
    if (status != WEFT_STATUS_OK)
        strcpy(words[p].text, "wait_irecv 3 from its peer (action 8): what is wrong");
}

static void expect(const weft_i_all_words *all, int code, const char *expected)
{
    char line[640];
    cr_expect_eq(weft_i_last_line(all, line, sizeof(line)), code);
    cr_expect_str_eq(line, expected);
}

Test(last_words, a_process_that_found_something_wrong_comes_first)
{
    weft_i_all_words all = begin(1);
    waits(1, 2, WEFT_STATUS_LIMIT);
    waits(3, 2, WEFT_STATUS_FAILED);
    heard[0] = false;
    expect(&all, 1, "rank 3: wait_irecv 3 from its peer (action 8): what is wrong");
}

Test(last_words, then_a_missing_one_that_another_waits_for)
{
    weft_i_all_words all = begin(1);
    heard[0] = heard[2] = false;
    waits(1, 2, WEFT_STATUS_LIMIT);
    expect(&all, 1,
           "rank 2 does not answer, killed or stuck in fw 7 (action 9); rank 1 waited for it for "
           "5.0 s in wait_irecv 3 "
           "from its peer (action 8)");
}

Test(last_words, then_a_missing_one_that_nobody_waits_for)
{
    weft_i_all_words all = begin(2);
    heard[1] = false;
    expect(&all, 1, "rank 0 of replica 1 does not answer, killed or stuck in fw 7 (action 9)");
    words[1].doing[0] = '\0';
    expect(&all, 1, "rank 0 of replica 1 does not answer, killed or stuck");
}

Test(last_words, then_who_waits_too_long_and_what_its_peer_does)
{
    weft_i_all_words all = begin(2);
    waits(1, 3, WEFT_STATUS_LIMIT);
    expect(&all, 1,
           "rank 0 of replica 1: wait_irecv 3 from its peer (action 8): what is wrong; rank 1 of "
           "replica 1 was in fw 7 (action 9)");
    words[1].peer = -1;
    expect(&all, 1, "rank 0 of replica 1: wait_irecv 3 from its peer (action 8): what is wrong");
}

Test(last_words, then_that_all_were_interrupted)
{
    weft_i_all_words all = begin(1);
    for (int p = 0; p < 4; p++)
        words[p].status = WEFT_STATUS_INTERRUPTED;
    expect(&all, 130, "interrupted; rank 3 was in fw 7 (action 9)");
}

Test(last_words, are_cut_where_there_is_no_room)
{
    char line[12];
    weft_i_all_words all = begin(1);
    weft_i_last_line(&all, line, sizeof(line));
    cr_expect_str_eq(line, "interrupted");
}
