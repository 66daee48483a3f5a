/* cli/output.c - whether a file can be written, asked before the work whose result it takes. Not:
 * the writing, which the library does to a temporary name and renames. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_cannot_write(const char *path, int number)
{
    weft_error error = {.status = WEFT_STATUS_IO};
    snprintf(error.file, sizeof error.file, "%s", path);
    int n = snprintf(error.text, sizeof error.text, "cannot write: ");
    snprintf(error.text + n, sizeof error.text - (size_t)n, "%s", strerror(number));
    if (error.text[n] >= 'A' && error.text[n] <= 'Z') error.text[n] += 'a' - 'A';
    cli_progress_end();
    return cli_fail(&error);
}

/* Whether new files can be made where `path` is to be; else errno says why not. */
static bool is_folder_open(const char *path)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 1;
    if (n >= sizeof folder) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (slash) memcpy(folder, path, n);
    folder[n] = 0;
    return access(folder, W_OK | X_OK) == 0;
}

int cli_check_output(const char *path)
{
    struct stat found;
    if (!path || strcmp(path, "-") == 0) return -1;
    bool is_there = stat(path, &found) == 0;
    if (is_there && S_ISDIR(found.st_mode)) return cli_cannot_write(path, EISDIR);
    if (is_there && !S_ISREG(found.st_mode))
        return access(path, W_OK) == 0 ? -1 : cli_cannot_write(path, errno);
    return is_folder_open(path) ? -1 : cli_cannot_write(path, errno);
}
