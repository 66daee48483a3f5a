/* runtime/training_none.c - stands in for training.c where weft-run is built without a BLAS. */
#include <assert.h>

#include "base/error.h"
#include "runtime/self_profile.h"
#include "runtime/training.h"

weft_status weft_i_training_load(const weft_i_launch *launch, const weft_plan *plan,
                                 weft_error *error, weft_i_training **out_training)
{
    (void)plan;
    (void)out_training;
    return weft_i_fail(error, WEFT_STATUS_USAGE,
                       "--device %s: this weft-run was built without a BLAS",
                       weft_i_device_name(launch->device));
}

weft_status weft_i_profile_run(weft_i_world *world, const weft_i_launch *launch, weft_error *error)
{
    (void)world;
    (void)launch;
    return weft_i_fail(error, WEFT_STATUS_USAGE,
                       "--profile: this weft-run was built without a BLAS");
}

void weft_i_training_free(weft_i_training *training)
{
    (void)training;
}

/* Nothing was loaded: none of these is ever called. */
weft_status weft_i_training_begin(weft_i_training *training, weft_i_world *world, weft_error *error,
                                  weft_run_device *out_callbacks)
{
    (void)training;
    (void)world;
    (void)out_callbacks;
    assert(false);
    return weft_i_fail(error, WEFT_STATUS_FAILED, "no device");
}

void weft_i_training_step(weft_i_training *training, int32_t step)
{
    (void)training;
    (void)step;
}

weft_status weft_i_training_end_step(weft_i_training *training, int32_t step, weft_error *error)
{
    (void)training;
    (void)step;
    return weft_i_fail(error, WEFT_STATUS_FAILED, "no device");
}

weft_status weft_i_training_gather(weft_i_training *training, weft_error *error,
                                   const weft_i_lesson **out_lesson)
{
    (void)training;
    (void)out_lesson;
    return weft_i_fail(error, WEFT_STATUS_FAILED, "no device");
}
