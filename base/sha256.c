/* base/sha256.c - SHA-256 straight from FIPS 180-4, sections 4.1.2, 4.2.2, 5.1.1 and 6.2. */
#include "base/sha256.h"

#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate_right(uint32_t x, int k)
{
    return (x >> k) | (x << (32 - k));
}

static void expand(const unsigned char *block, uint32_t w[64])
{
    for (int i = 0; i < 16; i++) {
        const unsigned char *p = block + 4 * i;
        w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        uint32_t s0 = rotate_right(x, 7) ^ rotate_right(x, 18) ^ (x >> 3);
        uint32_t s1 = rotate_right(y, 17) ^ rotate_right(y, 19) ^ (y >> 10);
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
}

static void compress(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[64];
    expand(block, w);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i];
        uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    const uint32_t last[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        state[i] += last[i];
}

void weft_i_sha256_begin(weft_i_sha256 *state)
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(state, 0, sizeof(*state));
    memcpy(state->h, first, sizeof(first));
}

void weft_i_sha256_add(weft_i_sha256 *state, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    size_t n_block = state->n_bytes % 64;
    state->n_bytes += n;
    if (n_block > 0) {
        size_t n_fill = n < 64 - n_block ? n : 64 - n_block;
        memcpy(state->block + n_block, p, n_fill);
        if (n_block + n_fill < 64) return;
        compress(state->h, state->block);
        p += n_fill;
        n -= n_fill;
    }
    for (; n >= 64; p += 64, n -= 64)
        compress(state->h, p);
    if (n > 0) memcpy(state->block, p, n);
}

void weft_i_sha256_end(weft_i_sha256 *state, char out_hex[65])
{
    static const unsigned char padding[64] = {0x80};
    uint64_t n_bits = state->n_bytes * 8;
    size_t n_block = state->n_bytes % 64;
    weft_i_sha256_add(state, padding, n_block < 56 ? 56 - n_block : 120 - n_block);
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(n_bits >> (56 - 8 * i));
    weft_i_sha256_add(state, length, sizeof(length));

    for (int i = 0; i < 64; i++) {
        uint32_t digit = state->h[i / 8] >> (28 - 4 * (i % 8)) & 15;
        out_hex[i] = "0123456789abcdef"[digit];
    }
    out_hex[64] = '\0';
}

void weft_i_sha256_of(const void *bytes, size_t n, char out_hex[65])
{
    weft_i_sha256 state;
    weft_i_sha256_begin(&state);
    weft_i_sha256_add(&state, bytes, n);
    weft_i_sha256_end(&state, out_hex);
}
