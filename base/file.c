/* base/file.c - whole files in; out through a temporary in the same folder. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/threads.h"

static weft_status fail_too_large(const char *name, weft_error *error)
{
    return weft_i_fail_at(error, WEFT_STATUS_BAD_INPUT, name, 0, NULL,
                          "file of more than %zu bytes, the limit", WEFT_I_FILE_MAX);
}

static ssize_t read_some(int fd, char *to, size_t n)
{
    ssize_t got;
    do {
        got = read(fd, to, n);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Read to the end, since a size is a hint: pipes have none, and files grow. */
static weft_status read_all(int fd, const char *name, size_t n_expected, weft_error *error,
                            char **text, size_t *out_n)
{
    size_t n = 0, cap = 0;
    for (;;) {
        /* One byte more for the NUL, and one so that the end is seen without growing. */
        size_t n_wanted = n > 0 ? n + 2 : n_expected + 2;
        if (weft_i_grow(text, &cap, n_wanted, 1) < 0) return weft_i_no_memory(error);
        ssize_t got = read_some(fd, *text + n, cap - n - 1);
        if (got < 0) return weft_i_fail_io(error, name, "read", errno);
        if (got == 0) break;
        n += (size_t)got;
        if (n > WEFT_I_FILE_MAX) return fail_too_large(name, error);
    }
    (*text)[n] = '\0';
    *out_n = n;
    return WEFT_STATUS_OK;
}

static weft_status read_open(int fd, const char *name, weft_error *error, char **out_text,
                             size_t *out_n)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return weft_i_fail_io(error, name, "read", errno);
    if (S_ISDIR(info.st_mode)) return weft_i_fail_io(error, name, "read", EISDIR);
    bool is_sized = S_ISREG(info.st_mode) && info.st_size > 0;
    if (is_sized && (uintmax_t)info.st_size > WEFT_I_FILE_MAX) return fail_too_large(name, error);

    char *text = NULL;
    size_t n_expected = is_sized ? (size_t)info.st_size : (size_t)1 << 16;
    weft_status status = read_all(fd, name, n_expected, error, &text, out_n);
    if (status != WEFT_STATUS_OK) {
        free(text);
        return status;
    }
    *out_text = text;
    return WEFT_STATUS_OK;
}

const char *weft_i_file_label(const char *name)
{
    return strcmp(name, "-") == 0 ? "stdin" : name;
}

weft_status weft_i_file_read(const char *name, weft_error *error, char **out_text, size_t *out_n)
{
    if (strcmp(name, "-") == 0)
        return read_open(STDIN_FILENO, weft_i_file_label(name), error, out_text, out_n);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return weft_i_fail_io(error, name, "read", errno);
    weft_status status = read_open(fd, name, error, out_text, out_n);
    close(fd);
    return status;
}

/* Devices, pipes and names of open files are written in place: nothing can be renamed over them. */
static bool is_written_in_place(const char *name)
{
    static const char *const open_files[] = {"/dev/stdout", "/dev/stderr", "/dev/fd/",
                                             "/proc/self/fd/"};
    for (size_t i = 0; i < sizeof(open_files) / sizeof(open_files[0]); i++) {
        if (strncmp(name, open_files[i], strlen(open_files[i])) == 0) return true;
    }
    struct stat info;
    return stat(name, &info) == 0 && !S_ISREG(info.st_mode);
}

static char *duplicate(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = weft_i_alloc(n, 1);
    if (copy) memcpy(copy, text, n);
    return copy;
}

/* The name to rename to: a symbolic link stays, what it points to is replaced. */
static char *final_name(const char *name)
{
    char real[PATH_MAX];
    return duplicate(realpath(name, real) ? real : name);
}

/* A new file beside `name`, with the permissions that a plain open would give: mkstemp gives 0600,
 * and umask cannot be read without changing it for all threads. */
static int open_temporary(const char *name, char **out_temporary)
{
    const char *slash = strrchr(name, '/');
    int n_folder = slash ? (int)(slash - name) + 1 : 0;
    size_t size = (size_t)n_folder + 64;
    char *temporary = weft_i_alloc(size, 1);
    if (!temporary) return -1;
    int fd = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        unsigned long mark = (unsigned long)weft_i_now_ns() + (unsigned long)attempt;
        snprintf(temporary, size, "%.*s.weft-%ld-%lx.tmp", n_folder, name, (long)getpid(), mark);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) break;
    }
    if (fd < 0) {
        int number = errno;
        free(temporary);
        errno = number;
        return -1;
    }
    *out_temporary = temporary;
    return fd;
}

/* An existing file keeps its permissions. */
static void copy_mode(const char *name, int fd)
{
    struct stat info;
    if (stat(name, &info) == 0) (void)!fchmod(fd, info.st_mode & 0777);
}

weft_status weft_i_file_create(const char *name, weft_error *error, weft_i_file_out *out)
{
    weft_i_file_out file = {0};
    if (strcmp(name, "-") == 0) {
        *out = (weft_i_file_out){.stream = stdout};
        return WEFT_STATUS_OK;
    }
    int fd = -1;
    file.name = duplicate(name);
    if (!file.name) return weft_i_no_memory(error);
    if (is_written_in_place(name)) {
        fd = open(name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    } else {
        file.target = final_name(name);
        fd = file.target ? open_temporary(file.target, &file.temporary) : -1;
        if (fd >= 0) copy_mode(file.target, fd);
    }
    if (fd >= 0) file.stream = fdopen(fd, "w");
    if (!file.stream) {
        int number = errno;
        if (fd >= 0) close(fd);
        weft_i_file_abort(&file);
        return weft_i_fail_io(error, name, "write", number);
    }
    *out = file;
    return WEFT_STATUS_OK;
}

/* Flushed to the disk where the file can be; pipes and some devices cannot. */
static bool flush(weft_i_file_out *file)
{
    if (fflush(file->stream) != 0 || ferror(file->stream)) return false;
    if (!file->temporary) return true;
    return fsync(fileno(file->stream)) == 0 || errno == EINVAL || errno == EROFS;
}

/* 0, or the errno of the first step that failed. */
static int finish(weft_i_file_out *file)
{
    errno = EIO; /* for a stream that failed earlier */
    int number = flush(file) ? 0 : errno;
    if (file->stream != stdout && fclose(file->stream) != 0 && number == 0) number = errno;
    file->stream = NULL;
    bool renames = number == 0 && file->temporary;
    if (renames && rename(file->temporary, file->target) != 0) number = errno;
    return number;
}

weft_status weft_i_file_commit(weft_i_file_out *file, weft_error *error)
{
    weft_status status = WEFT_STATUS_OK;
    int number = finish(file);
    if (number != 0) {
        status = weft_i_fail_io(error, file->name ? file->name : "stdout", "write", number);
    } else {
        free(file->temporary); /* it is the file now: not to be removed */
        file->temporary = NULL;
    }
    weft_i_file_abort(file);
    return status;
}

void weft_i_file_abort(weft_i_file_out *file)
{
    if (file->stream && file->stream != stdout) fclose(file->stream);
    if (file->temporary) unlink(file->temporary);
    free(file->temporary);
    free(file->target);
    free(file->name);
    *file = (weft_i_file_out){0};
}

weft_status weft_i_file_end(weft_i_file_out *file, weft_status status, weft_error *error)
{
    if (status == WEFT_STATUS_OK) return weft_i_file_commit(file, error);
    if (status == WEFT_STATUS_IO && error && !error->file[0])
        snprintf(error->file, sizeof(error->file), "%s", file->name ? file->name : "stdout");
    weft_i_file_abort(file);
    return status;
}
