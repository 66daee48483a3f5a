/* weft/weft.h - all of libweft.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include "weft/batch.h"
#include "weft/calibrate.h"
#include "weft/cluster.h"
#include "weft/emulate.h"
#include "weft/emulation.h"
#include "weft/export.h"
#include "weft/fit.h"
#include "weft/jitter.h"
#include "weft/layout.h"
#include "weft/model.h"
#include "weft/option.h"
#include "weft/order.h"
#include "weft/partition.h"
#include "weft/plan.h"
#include "weft/planner.h"
#include "weft/problem.h"
#include "weft/recipe.h"
#include "weft/report.h"
#include "weft/run.h"
#include "weft/search.h"
#include "weft/show.h"
#include "weft/status.h"
#include "weft/timeline.h"
#include "weft/version.h"

#endif
