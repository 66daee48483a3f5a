/* Files: whole ones in, atomic ones out, and what is refused. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

/* Each test has a folder of its own, in the one that it was started in. */
static char folder[64];

static void enter(void)
{
    snprintf(folder, sizeof(folder), "test_file.%ld", (long)getpid());
    cr_assert_eq(mkdir(folder, 0700), 0);
    cr_assert_eq(chdir(folder), 0);
}

static void leave(void)
{
    char command[80];
    snprintf(command, sizeof(command), "rm -r ../%s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(file, .init = enter, .fini = leave);

static void write_file(const char *name, const char *text)
{
    FILE *stream = fopen(name, "w");
    cr_assert_not_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static void expect_text(const char *name, const char *expected)
{
    char *text = NULL;
    size_t n = 0;
    cr_assert_eq(weft_i_file_read(name, NULL, &text, &n), WEFT_STATUS_OK, "%s", name);
    cr_expect_eq(n, strlen(expected));
    cr_expect_str_eq(text, expected);
    free(text);
}

static int n_entries(void)
{
    FILE *list = popen("ls -A | wc -l", "r");
    int n = -1;
    cr_assert_eq(fscanf(list, "%d", &n), 1);
    pclose(list);
    return n;
}

static weft_status write_out(const char *name, const char *text, weft_error *error)
{
    weft_i_file_out out = {0};
    weft_status status = weft_i_file_create(name, error, &out);
    if (status != WEFT_STATUS_OK) return status;
    fputs(text, out.stream);
    return weft_i_file_commit(&out, error);
}

Test(file, reads_whole_files)
{
    write_file("empty", "");
    write_file("text", "one\ntwo");
    expect_text("empty", "");
    expect_text("text", "one\ntwo");
    expect_text("/dev/null", "");
}

Test(file, says_why_it_cannot_read)
{
    static const char *const CASES[][2] = {
        {"absent", "cannot read: no such file or directory"},
        {".", "cannot read: is a directory"},
        {"text/x", "cannot read: not a directory"},
    };
    write_file("text", "");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        weft_error error = {0};
        char *text = NULL;
        size_t n = 7;
        cr_expect_eq(weft_i_file_read(CASES[i][0], &error, &text, &n), WEFT_STATUS_IO);
        cr_expect_eq(error.status, WEFT_STATUS_IO);
        cr_expect_str_eq(error.file, CASES[i][0]);
        cr_expect_str_eq(error.text, CASES[i][1]);
        cr_expect(!text && n == 7, "written only on success");
    }
}

/* A hole takes no disk. */
Test(file, refuses_one_that_is_too_large)
{
    write_file("large", "");
    cr_assert_eq(truncate("large", (off_t)WEFT_I_FILE_MAX + 1), 0);
    weft_error error = {0};
    char *text = NULL;
    size_t n;
    cr_expect_eq(weft_i_file_read("large", &error, &text, &n), WEFT_STATUS_BAD_INPUT);
    cr_expect_not_null(strstr(error.text, "536870912"), "%s", error.text);
}

static void *feed(void *argument)
{
    int fd = *(int *)argument;
    for (int i = 0; i < 30000; i++)
        cr_assert_eq(write(fd, "0123456789", 10), 10);
    close(fd);
    return NULL;
}

Test(file, reads_a_pipe_as_stdin)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_geq(dup2(ends[0], STDIN_FILENO), 0);
    pthread_t thread;
    pthread_create(&thread, NULL, feed, &ends[1]);
    char *text = NULL;
    size_t n = 0;
    cr_assert_eq(weft_i_file_read("-", NULL, &text, &n), WEFT_STATUS_OK);
    pthread_join(thread, NULL);
    cr_expect_eq(n, 300000);
    cr_expect_eq(strlen(text), n);
    cr_expect_eq(memcmp(text + n - 20, text, 20), 0);
    free(text);
}

Test(file, appears_only_when_committed)
{
    weft_error error = {0};
    weft_i_file_out out = {0};
    cr_assert_eq(weft_i_file_create("plan", &error, &out), WEFT_STATUS_OK);
    fputs("new", out.stream);
    cr_expect_neq(access("plan", F_OK), 0);
    cr_expect_eq(weft_i_file_commit(&out, &error), WEFT_STATUS_OK);
    expect_text("plan", "new");

    cr_assert_eq(weft_i_file_create("plan", &error, &out), WEFT_STATUS_OK);
    fputs("worse", out.stream);
    weft_i_file_abort(&out);
    weft_i_file_abort(&out);
    expect_text("plan", "new");
    cr_expect_eq(n_entries(), 1, "no temporary is left");
}

Test(file, keeps_permissions)
{
    struct stat info;
    umask(027);
    cr_expect_eq(write_out("fresh", "1", NULL), WEFT_STATUS_OK);
    cr_assert_eq(stat("fresh", &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0640, "what umask leaves");
    cr_assert_eq(chmod("fresh", 0604), 0);
    cr_expect_eq(write_out("fresh", "2", NULL), WEFT_STATUS_OK);
    cr_assert_eq(stat("fresh", &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0604, "those of the file replaced");
}

Test(file, follows_a_symbolic_link)
{
    cr_assert_eq(mkdir("sub", 0777), 0);
    write_file("sub/real", "old");
    cr_assert_eq(symlink("sub/real", "link"), 0);
    cr_expect_eq(write_out("link", "new", NULL), WEFT_STATUS_OK);
    struct stat info;
    cr_expect(lstat("link", &info) == 0 && S_ISLNK(info.st_mode));
    expect_text("sub/real", "new");
}

Test(file, writes_devices_and_stdout_in_place)
{
    cr_expect_eq(write_out("/dev/null", "x", NULL), WEFT_STATUS_OK);
    write_file("log", "before ");
    int fd = open("log", O_WRONLY | O_APPEND);
    fflush(stdout);
    cr_assert_geq(dup2(fd, STDOUT_FILENO), 0);
    cr_expect_eq(write_out("-", "dash ", NULL), WEFT_STATUS_OK);
    cr_expect_eq(write_out("/dev/stdout", "name", NULL), WEFT_STATUS_OK);
    weft_i_file_out out = {0};
    cr_expect_eq(weft_i_file_create("-", NULL, &out), WEFT_STATUS_OK);
    weft_i_file_abort(&out);
    cr_expect_geq(fprintf(stdout, "open"), 4, "stdout stays open");
    fflush(stdout);
    expect_text("log", "before dash nameopen");
    struct stat info;
    cr_expect(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
}

Test(file, says_why_it_cannot_write)
{
    weft_error error = {0};
    cr_expect_eq(write_out("absent/plan", "x", &error), WEFT_STATUS_IO);
    cr_expect_str_eq(error.text, "cannot write: no such file or directory");
    error = (weft_error){0};
    cr_expect_eq(write_out(".", "x", &error), WEFT_STATUS_IO);
    cr_expect_str_eq(error.text, "cannot write: is a directory");
    error = (weft_error){0};
    cr_expect_eq(write_out("/dev/full", "x", &error), WEFT_STATUS_IO);
    cr_expect_str_eq(error.text, "cannot write: no space left on device");
    cr_expect_str_eq(error.file, "/dev/full");
}

/* The folder turns into a place where the rename fails. */
Test(file, a_failed_commit_leaves_nothing)
{
    weft_i_file_out out = {0};
    weft_error error = {0};
    cr_assert_eq(weft_i_file_create("plan", &error, &out), WEFT_STATUS_OK);
    cr_assert_eq(mkdir("plan", 0777), 0);
    cr_expect_eq(weft_i_file_commit(&out, &error), WEFT_STATUS_IO);
    cr_expect_eq(n_entries(), 1, "only the folder in the way");
    cr_expect_str_eq(error.file, "plan");
}

Test(file, an_error_has_the_name_as_given)
{
    weft_i_file_out out = {0};
    weft_error error = {0};
    write_file("plan", "old");
    cr_assert_eq(weft_i_file_create("./plan", &error, &out), WEFT_STATUS_OK);
    cr_assert(unlink("plan") == 0 && mkdir("plan", 0777) == 0);
    cr_expect_eq(weft_i_file_commit(&out, &error), WEFT_STATUS_IO);
    cr_expect_str_eq(error.file, "./plan");
}

Test(file, each_allocation_fails_once)
{
    write_file("text", "abc");
    for (long k = 1; k <= 6; k++) {
        char *text = NULL;
        size_t n;
        weft_error error = {0};
        weft_i_alloc_fail_after(k);
        weft_status status = weft_i_file_read("text", &error, &text, &n);
        cr_expect_eq(status, k == 1 ? WEFT_STATUS_NO_MEMORY : WEFT_STATUS_OK, "k %ld", k);
        free(text);
        weft_i_alloc_fail_after(k);
        status = write_out("text", "abc", NULL);
        cr_expect_eq(status, k <= 3 ? WEFT_STATUS_NO_MEMORY : WEFT_STATUS_OK, "k %ld", k);
        weft_i_alloc_fail_after(0);
        cr_expect_eq(n_entries(), 1, "k %ld", k);
    }
}
