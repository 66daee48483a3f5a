/* tests/unit/test_optimus.c - under the rule of docs/accuracy.md the systems that Optimus was
 * compared with come out in the order that was measured. */
#include <criterion/criterion.h>

#include "bench/optimus.h"

Test(optimus, predicts_the_measured_order)
{
    optimus_row rows[N_OPTIMUS_SYSTEMS];
    optimus_predict(SOURCE_ROOT "/tests/data/measurements", rows);
    for (int s = 1; s < N_OPTIMUS_SYSTEMS; s++) {
        cr_assert_lt(rows[s - 1].measured, rows[s].measured);
        cr_expect_lt(rows[s - 1].predicted, rows[s].predicted, "%d: %.3f s, %d: %.3f s", s - 1,
                     rows[s - 1].predicted, s, rows[s].predicted);
    }
}
