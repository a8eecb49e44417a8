/* SPDX-License-Identifier: BSD-2-Clause */
/* A named run of bytes that an OS image is read from: a file, a section of a file, or memory. */
#ifndef SLATE_BOOT_SOURCE_H
#define SLATE_BOOT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct diag;

struct source {
    char name[128]; /* for messages: "/vmlinuz", "/EFI/Linux/a.efi (.linux)" */
    uint64_t size;  /* bytes */
    /* Reads exactly `length` bytes at `offset`; called only with ranges inside `size`. */
    int (*read)(const struct source *source, uint64_t offset, void *buffer, size_t length,
                struct diag *diag);
    const void *ctx; /* for `read`: the file, the outer source, the memory */
    uint64_t base;   /* for `read`: where this run starts in ctx */
};

/*
 * Reads `length` bytes at `offset`. A range that leaves the source is -BOOT_E_TRUNCATED, with what
 * was wanted (`what`, such as "setup header") in the diagnosis.
 */
int source_read(const struct source *source, uint64_t offset, void *buffer, size_t length,
                const char *what, struct diag *diag);

/*
 * Makes `part` the run of `size` bytes at `offset` of `whole`, which must outlive it.
 * A range outside is -BOOT_E_TRUNCATED.
 */
int source_part(struct source *part, const struct source *whole, uint64_t offset, uint64_t size,
                const char *name, struct diag *diag);

/* Makes `source` the `size` bytes at `data`, which must outlive it. */
void source_memory(struct source *source, const void *data, uint64_t size, const char *name);

#endif
