/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of bytes: the bounds are checked here once, so that no reader of an image format has to. */
#include "boot/source.h"

#include "boot/diag.h"
#include "boot/error.h"

#include <stdio.h>
#include <string.h>

int source_read(const struct source *source, uint64_t offset, void *buffer, size_t length,
                const char *what, struct diag *diag)
{
    if (offset > source->size || length > source->size - offset)
        return diag_fail(diag, -BOOT_E_TRUNCATED,
                         "%s: %s needs %llu bytes at %llu, but there are only %llu bytes in all",
                         source->name, what, (unsigned long long)length, (unsigned long long)offset,
                         (unsigned long long)source->size);
    if (length == 0)
        return 0;
    return source->read(source, offset, buffer, length, diag);
}

static int part_read(const struct source *part, uint64_t offset, void *buffer, size_t length,
                     struct diag *diag)
{
    const struct source *whole = part->ctx;

    return whole->read(whole, part->base + offset, buffer, length, diag);
}

int source_part(struct source *part, const struct source *whole, uint64_t offset, uint64_t size,
                const char *name, struct diag *diag)
{
    if (offset > whole->size || size > whole->size - offset)
        return diag_fail(diag, -BOOT_E_TRUNCATED,
                         "%s: %s is said to be %llu bytes at %llu, but there are only %llu bytes",
                         whole->name, name, (unsigned long long)size, (unsigned long long)offset,
                         (unsigned long long)whole->size);
    *part = (struct source){.size = size, .read = part_read, .ctx = whole, .base = offset};
    snprintf(part->name, sizeof(part->name), "%s", name);
    return 0;
}

static int memory_read(const struct source *source, uint64_t offset, void *buffer, size_t length,
                       struct diag *diag)
{
    const uint8_t *data = source->ctx;

    (void)diag; /* memory does not fail */
    memcpy(buffer, data + offset, length);
    return 0;
}

void source_memory(struct source *source, const void *data, uint64_t size, const char *name)
{
    *source = (struct source){.size = size, .read = memory_read, .ctx = data};
    snprintf(source->name, sizeof(source->name), "%s", name);
}
