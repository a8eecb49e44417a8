/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux kernels: a hostile setup header must not lead out of the file or out of the memory that was reserved. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/support/check.h"
#include "tests/fuzz/support/load_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The magic numbers are put in, so that no time is lost on finding them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *file;

    if (size < 0x206) {
        return -1;
    }
    file = malloc(size);
    CHECK(file != NULL);
    memcpy(file, data, size);
    memcpy(file + 0x1fe, "\x55\xaa", 2);
    memcpy(file + 0x202, "HdrS", 4);
    fuzz_load_image(file, size);
    free(file);
    return 0;
}
