/* base/sha256.h - SHA-256 (FIPS 180-4) of inputs, so that a plan can name what it was made from. */
#ifndef WEFT_BASE_SHA256_H
#define WEFT_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct weft_i_sha256 {
    uint32_t h[8];
    uint64_t n_bytes;
    unsigned char block[64];
} weft_i_sha256;

void weft_i_sha256_begin(weft_i_sha256 *state);
void weft_i_sha256_add(weft_i_sha256 *state, const void *bytes, size_t n);
/* 64 lower-case hex digits and a NUL. */
void weft_i_sha256_end(weft_i_sha256 *state, char out_hex[65]);

/* All three for one piece. */
void weft_i_sha256_of(const void *bytes, size_t n, char out_hex[65]);

#endif
