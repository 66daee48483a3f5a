/* Are the good files of a corpus taken and the bad ones refused? A file is bad when its name begins
 * with bad_; a line of text (.txt) is what would follow "gpt:", "h800:" or a recipe's override.
 *
 * usage: verdicts KIND FOLDER
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "weft/batch.h"
#include "weft/cluster.h"
#include "weft/fit.h"
#include "weft/layout.h"
#include "weft/model.h"
#include "weft/recipe.h"

static weft_status read_model(const char *name, weft_error *error)
{
    weft_model *model = NULL;
    weft_status status = weft_model_load(name, error, &model);
    weft_model_free(model);
    return status;
}

static weft_status read_cluster(const char *name, weft_error *error)
{
    weft_cluster *cluster = NULL;
    weft_status status = weft_cluster_load(name, error, &cluster);
    weft_cluster_free(cluster);
    return status;
}

static weft_status read_recipe(const char *name, weft_error *error)
{
    weft_recipe *recipe = NULL;
    weft_status status = weft_recipe_load(name, error, &recipe);
    weft_recipe_free(recipe);
    return status;
}

static weft_status override_recipe(const char *text, weft_error *error)
{
    weft_recipe *recipe = NULL;
    weft_status status = weft_recipe_load(NULL, error, &recipe);
    if (status == WEFT_STATUS_OK) status = weft_recipe_override(recipe, text, error);
    weft_recipe_free(recipe);
    return status;
}

static weft_status read_batch(const char *name, weft_error *error)
{
    weft_batch *batch = NULL;
    weft_status status = weft_batch_read(name, error, &batch);
    weft_batch_free(batch);
    return status;
}

static weft_status read_layout(const char *name, weft_error *error)
{
    weft_layout *layout = NULL;
    weft_status status = weft_layout_read(name, error, &layout);
    weft_layout_free(layout);
    return status;
}

static weft_status read_measurements(const char *name, weft_error *error)
{
    weft_measurements *measurements = NULL;
    weft_status status = weft_measurements_read(name, error, &measurements);
    weft_measurements_free(measurements);
    return status;
}

/* How a kind is read from a file, and from a line after its prefix. */
typedef struct kind {
    const char *name;
    weft_status (*read_file)(const char *name, weft_error *error);
    const char *prefix;
    weft_status (*read_line)(const char *text, weft_error *error);
} kind;

static const kind KINDS[] = {
    {"model", read_model, "gpt:", read_model},    {"cluster", read_cluster, "h800:", read_cluster},
    {"recipe", read_recipe, "", override_recipe}, {"batch", read_batch, NULL, NULL},
    {"layout", read_layout, NULL, NULL},          {"measurements", read_measurements, NULL, NULL},
};

static weft_status read_line(const kind *of, const char *path, weft_error *error)
{
    char line[2048], *text;
    size_t n;
    weft_status status = weft_i_file_read(path, error, &text, &n);
    if (status != WEFT_STATUS_OK) return status;
    snprintf(line, sizeof(line), "%s%s", of->prefix, text);
    free(text);
    return of->read_line(line, error);
}

/* False where the verdict is not the one that the name says. */
static bool check_file(const kind *of, const char *folder, const char *name)
{
    char path[4096];
    weft_error error = {0};
    bool is_line = of->prefix && strstr(name, ".txt"), is_bad = strncmp(name, "bad_", 4) == 0;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    weft_status status = is_line ? read_line(of, path, &error) : of->read_file(path, &error);
    weft_status refused = is_line ? WEFT_STATUS_USAGE : WEFT_STATUS_BAD_INPUT;
    if (status == (is_bad ? refused : WEFT_STATUS_OK)) return true;
    fprintf(stderr, "%s: %s, line %d %s: %s\n", name, weft_status_name(status), error.line,
            error.path, error.text);
    return false;
}

static int check_folder(const kind *of, const char *name)
{
    DIR *folder = opendir(name);
    int n = 0, n_wrong = 0;
    if (!folder) return 1;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        n_wrong += !check_file(of, name, entry->d_name);
        n++;
    }
    closedir(folder);
    printf("%d files, %d wrong\n", n, n_wrong);
    return n == 0 || n_wrong > 0;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (strcmp(argv[1], KINDS[i].name) == 0) return check_folder(&KINDS[i], argv[2]);
    }
    fprintf(stderr, "usage: verdicts KIND FOLDER\n");
    return 2;
}
