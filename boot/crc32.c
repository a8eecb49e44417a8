/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CRC-32 with a table of 16. The register is a polynomial over GF(2), bit 31 its x^0; a zero byte
 * multiplies it by x^8, so n zero bytes are one multiplication by x^(8n), which repeated squaring
 * finds in log2(n) steps.
 */
#include "boot/crc32.h"

#include <string.h>

#define POLYNOMIAL 0xedb88320u
#define ZERO_RUN   256u /* bytes; about where skipping gets cheaper than two steps a byte */
#define STEP       64u  /* bytes between two looks for a run of zeros */

/* The remainder of every 4-bit value. */
static const uint32_t nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b >> 1 ^ (b & 1 ? POLYNOMIAL : 0);
    }
    return product;
}

static uint32_t skip_zeros(uint32_t remainder, size_t length)
{
    uint32_t power = 0x00800000u; /* x^8 */

    for (; length != 0; length >>= 1) {
        if (length & 1)
            remainder = multiply(remainder, power);
        power = multiply(power, power);
    }
    return remainder;
}

/* Length of the run of zero words at `data`, in bytes. */
static size_t zero_words(const uint8_t *data, size_t length)
{
    size_t run = 0;
    uint64_t word;

    for (; length - run >= sizeof(word); run += sizeof(word)) {
        memcpy(&word, data + run, sizeof(word));
        if (word != 0)
            break;
    }
    return run;
}

uint32_t crc32(uint32_t crc, const void *data, size_t length)
{
    const uint8_t *p = data;
    uint32_t remainder = ~crc;

    while (length != 0) {
        size_t step = zero_words(p, length);

        if (step >= ZERO_RUN) {
            remainder = skip_zeros(remainder, step);
        } else {
            step = length < STEP ? length : STEP;
            for (size_t i = 0; i < step; i++) {
                remainder ^= p[i];
                remainder = remainder >> 4 ^ nibble[remainder & 15];
                remainder = remainder >> 4 ^ nibble[remainder & 15];
            }
        }
        p += step;
        length -= step;
    }
    return ~remainder;
}
