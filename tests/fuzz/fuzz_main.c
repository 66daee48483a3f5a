/* Runs a fuzz target over files and folders of files, so that its corpus is a plain test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/fuzz/fuzz_target.h"

/* Returns the number of files run, -1 where one cannot be read. */
static int run_file(const char *name)
{
    weft_error error = {0};
    char *text = NULL;
    size_t n = 0;
    if (weft_i_file_read(name, &error, &text, &n) != WEFT_STATUS_OK) {
        fprintf(stderr, "%s: %s\n", name, error.text);
        return -1;
    }
    /* Without the NUL behind it, so that a sanitizer sees a read past the end. */
    uint8_t *bytes = malloc(n > 0 ? n : 1);
    if (bytes) {
        memcpy(bytes, text, n);
        LLVMFuzzerTestOneInput(bytes, n);
    }
    free(text);
    free(bytes);
    return bytes ? 1 : -1;
}

static int run_folder(DIR *folder, const char *name)
{
    int n_run = 0;
    for (struct dirent *entry; n_run >= 0 && (entry = readdir(folder));) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
        n_run = run_file(path) < 0 ? -1 : n_run + 1;
    }
    return n_run;
}

int main(int argc, char **argv)
{
    int n_run = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        int n = folder ? run_folder(folder, argv[i]) : run_file(argv[i]);
        if (folder) closedir(folder);
        if (n < 0) return 1;
        n_run += n;
    }
    printf("%d files\n", n_run);
    return n_run > 0 ? 0 : 1;
}
