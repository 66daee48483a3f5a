/* runtime/weft_run.c - weft-run: one process a rank runs a plan. Process 0 alone prints. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/launch.h"
#include "runtime/mpi_world.h"
#include "runtime/outcome.h"
#include "runtime/self_profile.h"
#include "runtime/session.h"
#include "runtime/share.h"
#include "weft/version.h"

/* Like weft: "weft-run: file:line: path: text". */
static int print_error(const weft_i_world *world, weft_status status, const weft_error *error)
{
    if (weft_i_world_process(world) == 0) {
        fputs("weft-run: ", stderr);
        if (error->file[0]) fprintf(stderr, "%s: ", error->file);
        if (error->line > 0) fprintf(stderr, "%d: ", error->line);
        if (error->path[0]) fprintf(stderr, "%s: ", error->path);
        fprintf(stderr, "%s%s\n", error->text,
                status == WEFT_STATUS_USAGE ? " (weft-run --help)" : "");
    }
    return weft_status_exit_code(status);
}

static int print_outcome(const weft_i_world *world, const weft_i_launch *launch,
                         const weft_i_outcome *outcome)
{
    weft_error error = {0};
    if (launch->json)
        weft_i_outcome_json(outcome, stdout);
    else
        weft_i_outcome_text(outcome, stdout);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("weft-run: cannot write to stdout\n", stderr);
        return weft_status_exit_code(WEFT_STATUS_IO);
    }
    if (!launch->timeline) return 0;
    weft_status status = weft_timeline_write(outcome->timeline, launch->timeline, &error);
    return status == WEFT_STATUS_OK ? 0 : print_error(world, status, &error);
}

/* Process 0's last part. */
static int report(const weft_i_world *world, const weft_i_launch *launch, const weft_plan *plan,
                  const weft_timeline *timeline, const int64_t *steps_ns,
                  const weft_i_lesson *lesson)
{
    weft_error error = {0};
    weft_i_arena arena = {0};
    weft_i_measure measure;
    weft_status status = weft_i_measure_make(plan, timeline, &arena, &error, &measure);
    const weft_i_outcome outcome = {timeline, &measure, steps_ns, lesson};
    int code = status == WEFT_STATUS_OK ? print_outcome(world, launch, &outcome)
                                        : print_error(world, status, &error);
    weft_i_arena_free(&arena);
    bool has_failed = lesson && lesson->is_checked && !lesson->has_passed;
    return code == 0 && has_failed ? weft_status_exit_code(WEFT_STATUS_FAILED) : code;
}

/* training NULL: nothing is trained. */
static int run(weft_i_world *world, const weft_i_launch *launch, const weft_plan *plan,
               weft_i_training *training)
{
    weft_error error = {0};
    weft_i_session *session = NULL;
    weft_timeline *timeline = NULL;
    const int64_t *steps_ns = NULL;
    const weft_i_lesson *lesson = NULL;
    weft_status status = weft_i_world_split(world, plan->n_pipelines, &error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_session_create(world, launch, plan, training, &error, &session);
    if (status == WEFT_STATUS_OK) status = weft_i_session_run(session, &error);
    if (status == WEFT_STATUS_OK)
        status = weft_i_session_gather(session, &error, &timeline, &steps_ns);
    if (status == WEFT_STATUS_OK && training)
        status = weft_i_training_gather(training, &error, &lesson);
    if (status != WEFT_STATUS_OK) weft_i_world_farewell(world, status, &error);
    int code = timeline ? report(world, launch, plan, timeline, steps_ns, lesson) : 0;
    weft_timeline_free(timeline);
    weft_i_session_free(session);
    return code;
}

static int profile(weft_i_world *world, const weft_i_launch *launch)
{
    weft_error error = {0};
    weft_status status = weft_i_profile_run(world, launch, &error);
    bool is_alike = status == WEFT_STATUS_USAGE || status == WEFT_STATUS_BAD_INPUT;
    if (is_alike) return print_error(world, status, &error);
    if (status != WEFT_STATUS_OK) weft_i_world_farewell(world, status, &error);
    return 0;
}

static int launch_and_run(weft_i_world *world, int argc, char **argv)
{
    weft_error error = {0};
    weft_i_launch launch;
    weft_plan *plan = NULL;
    bool broken = false;
    weft_status status = weft_i_launch_read(argc, argv, &error, &launch);
    if (status != WEFT_STATUS_OK) return print_error(world, status, &error);
    if (launch.help || launch.version) {
        if (weft_i_world_process(world) > 0) return 0;
        if (launch.help)
            weft_i_launch_help();
        else
            printf("weft-run %s\n", weft_version());
        return 0;
    }
    weft_i_world_set_timeout(world, (int64_t)(launch.timeout * 1e9));
    if (launch.profile) return profile(world, &launch);
    status = weft_i_plan_share(world, launch.plan, &error, &broken, &plan);
    if (broken) weft_i_world_farewell(world, status, &error);
    if (status == WEFT_STATUS_IO) status = WEFT_STATUS_BAD_INPUT; /* what cannot be read */
    if (status != WEFT_STATUS_OK) return print_error(world, status, &error);
    weft_i_training *training = NULL;
    if (launch.device != WEFT_I_DEVICE_VIRTUAL)
        status = weft_i_training_load(&launch, plan, &error, &training);
    int code = status == WEFT_STATUS_OK ? run(world, &launch, plan, training)
                                        : print_error(world, status, &error);
    weft_i_training_free(training);
    weft_plan_free(plan);
    return code;
}

/* Open MPI sends a long message in parts and, unless told otherwise, three of them at a time: for
 * the next three both ends have to look after MPI, which ranks that compute or sleep do seldom.
 * What the user has set stays. */
static void send_many_parts_at_once(void)
{
    setenv("OMPI_MCA_pml_ob1_send_pipeline_depth", "128", 0);
}

int main(int argc, char **argv)
{
    weft_error error = {0};
    send_many_parts_at_once();
    weft_i_world *world = NULL;
    if (weft_i_world_begin(&argc, &argv, &error, &world) != WEFT_STATUS_OK) {
        fprintf(stderr, "weft-run: %s\n", error.text);
        return weft_status_exit_code(error.status);
    }
    int code = launch_and_run(world, argc, argv);
    weft_i_world_end(world);
    return code;
}
