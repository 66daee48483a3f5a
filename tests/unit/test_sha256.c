/* SHA-256: vectors of FIPS 180-4's examples, and pieces against the whole. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/rng.h"
#include "base/sha256.h"

static const char *digest(const void *bytes, size_t n)
{
    static char hex[65];
    weft_i_sha256 state;
    weft_i_sha256_begin(&state);
    weft_i_sha256_add(&state, bytes, n);
    weft_i_sha256_end(&state, hex);
    return hex;
}

Test(sha256, published_vectors)
{
    static const char *const VECTORS[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
         "lmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (size_t i = 0; i < sizeof(VECTORS) / sizeof(VECTORS[0]); i++) {
        cr_expect_str_eq(digest(VECTORS[i][0], strlen(VECTORS[i][0])), VECTORS[i][1]);
    }
}

Test(sha256, a_million_times_a)
{
    char block[1000], hex[65];
    memset(block, 'a', sizeof(block));
    weft_i_sha256 state;
    weft_i_sha256_begin(&state);
    for (int i = 0; i < 1000; i++)
        weft_i_sha256_add(&state, block, sizeof(block));
    weft_i_sha256_end(&state, hex);
    cr_expect_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(sha256, pieces_of_any_size_give_the_same)
{
    const uint64_t seed = 3;
    weft_i_rng rng;
    weft_i_rng_seed(&rng, seed);
    unsigned char bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)weft_i_rng_next(&rng);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        weft_i_sha256 state;
        weft_i_sha256_begin(&state);
        for (size_t at = 0; at < n;) {
            size_t piece = weft_i_rng_below(&rng, n - at + 1);
            weft_i_sha256_add(&state, bytes + at, piece);
            at += piece;
        }
        char hex[65];
        weft_i_sha256_end(&state, hex);
        cr_assert_str_eq(hex, digest(bytes, n), "%zu bytes, seed %lu", n, seed);
    }
}
