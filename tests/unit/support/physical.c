/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical memory for tests of what reads tables that firmware left. */
#include "tests/unit/support/physical.h"

#include "boot/memory.h"

#include <stdlib.h>
#include <string.h>

struct copy {
    struct copy *next;
    uint8_t *bytes;
};

uint8_t physical[PHYSICAL_SIZE];
unsigned physical_calls;
static struct copy *copies;

void physical_clear(void)
{
    while (copies != NULL) {
        struct copy *copy = copies;

        copies = copy->next;
        free(copy->bytes);
        free(copy);
    }
    memset(physical, 0, sizeof(physical));
    physical_calls = 0;
}

uint8_t *physical_at(uint64_t address)
{
    if (address < PHYSICAL_BASE || address - PHYSICAL_BASE >= PHYSICAL_SIZE)
        abort();
    return physical + (address - PHYSICAL_BASE);
}

void physical_put(uint64_t address, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++)
        *physical_at(address + i) = (uint8_t)(value >> 8 * i);
}

void *memory_pointer(uint64_t base, uint64_t length)
{
    uint64_t offset = base - PHYSICAL_BASE;

    physical_calls++;
    if (base < PHYSICAL_BASE || offset > PHYSICAL_SIZE || length > PHYSICAL_SIZE - offset)
        return NULL;
    struct copy *copy = malloc(sizeof(*copy));
    uint8_t *bytes = malloc(length);

    if (copy == NULL || bytes == NULL)
        abort();
    memcpy(bytes, physical + offset, length);
    *copy = (struct copy){copies, bytes};
    copies = copy;
    return bytes;
}
