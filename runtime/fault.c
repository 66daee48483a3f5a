/* runtime/fault.c - see fault.h. */
#include "runtime/fault.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/parse.h"

static const char kinds[] = "kill|stall|fail|short";
enum { KILL, STALL, FAIL, SHORT };

static weft_status begin(void *context, const weft_run_action *action, weft_error *error)
{
    weft_i_fault *fault = context;
    if (action->index == 0) fault->steps_left--;
    bool is_here = action->index == fault->action && fault->steps_left == 0;
    if (is_here && fault->kind == KILL) raise(SIGKILL);
    if (is_here && fault->kind == FAIL)
        return weft_i_fail(error, WEFT_STATUS_FAILED, "a fault was asked for");
    while (is_here && fault->kind == STALL)
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    return fault->device.begin(fault->device.context, action, error);
}

static weft_status poll(void *context, const weft_run_action *action, weft_error *error,
                        int64_t *out_idle_ns)
{
    const weft_i_fault *fault = context;
    return fault->device.poll(fault->device.context, action, error, out_idle_ns);
}

static weft_status buffer(void *context, const weft_run_action *action, weft_error *error,
                          weft_run_buffer *out_buffer)
{
    const weft_i_fault *fault = context;
    weft_status status = fault->device.buffer(fault->device.context, action, error, out_buffer);
    bool is_here = action->index == fault->action && fault->steps_left == 0;
    if (status == WEFT_STATUS_OK && is_here && fault->kind == SHORT) out_buffer->n_bytes /= 2;
    return status;
}

weft_status weft_i_fault_wrap(const char *spec, int process, weft_i_fault *fault, weft_error *error,
                              weft_run_device *device)
{
    char kind[16], number[3][16] = {"", "", "1"};
    int64_t at_process, at_action, at_step;
    if (!spec) return WEFT_STATUS_OK;
    if (sscanf(spec, "%15[^:]:%15[^:]:%15[^:]:%15s", kind, number[0], number[1], number[2]) < 3 ||
        (fault->kind = weft_i_parse_choice(kinds, kind)) < 0 ||
        !weft_i_parse_int(number[0], 0, INT32_MAX, &at_process) ||
        !weft_i_parse_int(number[1], 0, INT32_MAX, &at_action) ||
        !weft_i_parse_int(number[2], 1, INT32_MAX, &at_step)) {
        return weft_i_fail(
            error, WEFT_STATUS_USAGE,
            "expected a fault KIND:PROCESS:ACTION[:STEP] with a kind of %s, found '%.80s'", kinds,
            spec);
    }
    if (at_process != process) return WEFT_STATUS_OK;
    fault->device = *device;
    fault->process = process;
    fault->action = (int)at_action;
    fault->steps_left = (int)at_step;
    *device = (weft_run_device){.context = fault, .begin = begin, .poll = poll, .buffer = buffer};
    return WEFT_STATUS_OK;
}
