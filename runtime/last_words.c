/* runtime/last_words.c - see last_words.h. */
#include "runtime/last_words.h"

#include <stdio.h>

enum { NAME_SIZE = 48 };

void weft_i_process_name(int32_t process, int32_t n_replicas, char *text, size_t size)
{
    if (n_replicas <= 1)
        snprintf(text, size, "rank %d", process);
    else
        snprintf(text, size, "rank %d of replica %d", process / n_replicas, process % n_replicas);
}

/* The longest waiting of the processes that were heard with this status and peer; -2 stands for any
 * peer, and so does -1 as status. */
static int32_t find(const weft_i_all_words *all, int32_t status, int32_t peer)
{
    int32_t best = -1;
    for (int32_t p = 0; p < all->n; p++) {
        const weft_i_words *words = &all->words[p];
        if (!all->heard[p] || (status >= 0 && words->status != status)) continue;
        if (peer >= -1 && words->peer != peer) continue;
        if (best < 0 || words->since_ns > all->words[best].since_ns) best = p;
    }
    return best;
}

/* Wrong by itself: neither because it waited, nor because it was told to stop. */
static int32_t find_failed(const weft_i_all_words *all)
{
    for (int32_t p = 0; p < all->n; p++) {
        int32_t status = all->words[p].status;
        if (all->heard[p] && status != WEFT_STATUS_OK && status != WEFT_STATUS_LIMIT &&
            status != WEFT_STATUS_INTERRUPTED)
            return p;
    }
    return -1;
}

/* Not heard; if possible one that another waits for. */
static int32_t find_missing(const weft_i_all_words *all, int32_t *out_waiting)
{
    int32_t first = -1;
    for (int32_t p = 0; p < all->n; p++) {
        if (all->heard[p]) continue;
        if (first < 0) first = p;
        *out_waiting = find(all, -1, p);
        if (*out_waiting >= 0) return p;
    }
    return first;
}

static void say_missing(const weft_i_all_words *all, int32_t missing, int32_t waiting, char *line,
                        size_t size)
{
    char name[NAME_SIZE], other[NAME_SIZE];
    const char *doing = all->words[missing].doing;
    weft_i_process_name(missing, all->n_replicas, name, sizeof(name));
    int n = snprintf(line, size, "%s does not answer, killed or stuck%s%s", name,
                     doing[0] ? " in " : "", doing);
    if (waiting < 0 || n < 0 || (size_t)n >= size) return;
    weft_i_process_name(waiting, all->n_replicas, other, sizeof(other));
    snprintf(line + n, size - (size_t)n, "; %s waited for it for %.1f s in %s", other,
             (double)all->words[waiting].since_ns / 1e9, all->words[waiting].doing);
}

static void say_late(const weft_i_all_words *all, int32_t late, char *line, size_t size)
{
    char name[NAME_SIZE], other[NAME_SIZE];
    const weft_i_words *words = &all->words[late];
    weft_i_process_name(late, all->n_replicas, name, sizeof(name));
    if (words->peer < 0) {
        snprintf(line, size, "%s: %s", name, words->text);
        return;
    }
    weft_i_process_name(words->peer, all->n_replicas, other, sizeof(other));
    snprintf(line, size, "%s: %s; %s was in %s", name, words->text, other,
             all->words[words->peer].doing);
}

int weft_i_last_line(const weft_i_all_words *all, char *line, size_t size)
{
    char name[NAME_SIZE];
    int32_t waiting = -1, failed = find_failed(all), missing = find_missing(all, &waiting);
    int32_t late = find(all, WEFT_STATUS_LIMIT, -2);
    if (failed >= 0) {
        weft_i_process_name(failed, all->n_replicas, name, sizeof(name));
        snprintf(line, size, "%s: %s", name, all->words[failed].text);
        return weft_status_exit_code(WEFT_STATUS_FAILED);
    }
    if (missing >= 0) {
        say_missing(all, missing, waiting, line, size);
        return weft_status_exit_code(WEFT_STATUS_FAILED);
    }
    if (late >= 0) {
        say_late(all, late, line, size);
        return weft_status_exit_code(WEFT_STATUS_FAILED);
    }
    int32_t longest = find(all, -1, -2);
    weft_i_process_name(longest, all->n_replicas, name, sizeof(name));
    snprintf(line, size, "interrupted; %s was in %s", name, all->words[longest].doing);
    return weft_status_exit_code(WEFT_STATUS_INTERRUPTED);
}
