/* What a run prints. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/outcome.h"

static weft_timeline_rank ranks[] = {{.host = "a"}, {.host = "b"}};
static weft_timeline_pipeline pipelines[] = {{.replica = 4, .ranks = ranks}};
static const weft_timeline timeline = {.device = "virtual",
                                       .scale = 0.5,
                                       .n_steps = 3,
                                       .step = 1,
                                       .n_ranks = 2,
                                       .n_pipelines = 1,
                                       .pipelines = pipelines};
static weft_i_rank_measure measures[] = {{1000000, 1010000, 0.01, {10, 20000}},
                                         {2000000000, 1900000000, -0.05, {5, -1000}}};
static const weft_i_measure measure = {.planned_ns = 2000000000,
                                       .measured_ns = 1900000000,
                                       .planned_step_ns = 2100000000,
                                       .measured_step_ns = 2310000000,
                                       .error = -0.05,
                                       .step_error = 0.1,
                                       .planned_bubble = 0.25,
                                       .measured_bubble = 0.5,
                                       .median_pass_ns = 12500,
                                       .overheads = {{4, 16000}, {6, 3000}, {5, 0}},
                                       .overhead = {15, 19000},
                                       .ranks = measures,
                                       .n = 2,
                                       .worst = 1};
static const int64_t steps_ns[] = {1800000000, 1900000000, 1950000000};
static const weft_i_outcome outcome = {&timeline, &measure, steps_ns, NULL};

/* Two steps that were trained and compared with a serial run. */
static void expect_lesson(bool has_passed, const char *line)
{
    static const double losses[] = {5.5, 4.25, 3.125};
    const weft_i_lesson lesson = {.losses = losses,
                                  .n_steps = 3,
                                  .is_checked = true,
                                  .has_passed = has_passed,
                                  .serial_loss = 5.5,
                                  .whole_error = 1e-7,
                                  .gradient_error = 2e-7,
                                  .n_gradients = 1000,
                                  .worst = "vision layer 3, qkv",
                                  .messages = has_passed ? NULL : "direct"};
    weft_i_outcome trained = {&timeline, &measure, steps_ns, &lesson};
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    weft_i_outcome_text(&trained, stream);
    weft_i_outcome_json(&trained, stream);
    fclose(stream);
    cr_expect(strstr(text, line), "%s", text);
    cr_expect(strstr(text, "loss      5.5 in the first step, 3.125 in step 3\n"), "%s", text);
    cr_expect_eq(!strstr(text, "messages  direct\n"), has_passed, "%s", text);
    cr_expect_eq(!strstr(text, "\"messages\":\"direct\",\"check\""), has_passed, "%s", text);
    cr_expect(has_passed || strstr(text, "\"losses\":[5.5,4.25,3.125],\"messages\""), "%s", text);
    cr_expect(
        !has_passed ||
            strstr(text, "\"first_step\":0,\"losses\":[5.5,4.25,3.125],\"check\":{\"passed\":"),
        "%s", text);
    free(text);
}

Test(outcome, says_what_was_learnt)
{
    expect_lesson(true,
                  "check     passed: loss of the serial run 5.5; 1000 gradients off by 1e-07, "
                  "farthest 2e-07 (vision layer 3, qkv)\n");
    expect_lesson(false, "check     FAILED: loss");
}

static void expect(void (*print)(const weft_i_outcome *, FILE *), const char *expected)
{
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    print(&outcome, stream);
    fclose(stream);
    cr_expect_str_eq(text, expected);
    free(text);
}

Test(outcome, is_a_screenful)
{
    expect(weft_i_outcome_text,
           "run       1 pipeline of 2 ranks, device virtual, scale 0.5, median pass 12.5 us\n"
           "pipeline  predicted 2.000 s, measured 1.900 s, -5.00 %\n"
           "step      predicted 2.100 s, measured 2.310 s, +10.00 %\n"
           "bubble    predicted 25.0 %, measured 50.0 %\n"
           "steps     3, pipeline 1.800 s to 1.950 s; this is step 1, the median\n"
           "overhead  1.3 us an action: pass 4.0 us, post 0.5 us, wait 0.0 us; 15 actions\n"
           "\n"
           "replica  rank  predicted     measured         error   overhead\n"
           "      4     0  1.000 ms      1.010 ms        +1.00 %      2.0 us\n"
           "      4     1  2.000 s       1.900 s         -5.00 %     -0.2 us  worst\n");
}

Test(outcome, is_one_line_of_json)
{
    expect(weft_i_outcome_json,
           "{\"device\":\"virtual\",\"scale\":0.5,\"median_pass_ns\":12500,"
           "\"predicted_ns\":2000000000,\"measured_ns\":1900000000,\"error\":-0.05,"
           "\"predicted_step_ns\":2100000000,\"measured_step_ns\":2310000000,\"step_error\":0.1,"
           "\"predicted_bubble\":0.25,\"measured_bubble\":0.5,\"step\":1,"
           "\"steps_ns\":[1800000000,1900000000,1950000000],\"actions\":15,"
           "\"overhead_ns_per_action\":1266.6666666666667,\"overhead_ns_per_pass\":4000.0,"
           "\"overhead_ns_per_post\":500.0,\"overhead_ns_per_wait\":0.0,"
           "\"worst\":{\"replica\":4,\"rank\":1,\"host\":\"b\",\"predicted_ns\":2000000000,"
           "\"measured_ns\":1900000000,\"error\":-0.05,\"actions\":5,"
           "\"overhead_ns_per_action\":-200.0},"
           "\"ranks\":[{\"replica\":4,\"rank\":0,\"host\":\"a\",\"predicted_ns\":1000000,"
           "\"measured_ns\":1010000,\"error\":0.01,\"actions\":10,"
           "\"overhead_ns_per_action\":2000.0},"
           "{\"replica\":4,\"rank\":1,\"host\":\"b\",\"predicted_ns\":2000000000,"
           "\"measured_ns\":1900000000,\"error\":-0.05,\"actions\":5,"
           "\"overhead_ns_per_action\":-200.0}]}\n");
}
