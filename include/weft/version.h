/* weft/version.h - the version of the library.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEFT_VERSION_H
#define WEFT_VERSION_H

#include "weft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0

/* "0.1.0", of the library that runs. */
WEFT_API const char *weft_version(void);

#ifdef __cplusplus
}
#endif
#endif
