/* SPDX-License-Identifier: BSD-2-Clause */
/* OS images: recognises a file by its content and hands it to its loader. */
#include "boot/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/bzimage.h"
#include "boot/diag.h"
#include "boot/elf.h"
#include "boot/entries.h"
#include "boot/error.h"
#include "boot/image_memory.h"
#include "boot/memory.h"
#include "boot/pe.h"
#include "boot/pvh.h"
#include "boot/source.h"
#include "boot/uki.h"

#define START_MAX BZIMAGE_START /* bytes that tell all kinds apart */

_Static_assert(START_MAX >= ELF_START, "one read for all kinds");
_Static_assert(IMAGE_INITRDS_MAX >= BOOT_ENTRY_INITRDS_MAX + 2, "an entry's, .ucode and .initrd");
_Static_assert(IMAGE_COMMAND_LINE_MAX >= UKI_COMMAND_LINE_MAX, "an image's own fits");

enum file_kind {
    FILE_UNKNOWN,
    FILE_BZIMAGE,
    FILE_ELF,
    FILE_PE,
};

/* The work on one request; on the heap because of its size. */
struct job {
    struct image_parts parts;
    struct uki uki;
    char command_line[IMAGE_COMMAND_LINE_MAX];
};

/* What else a file may be, for the message. */
static const char *guess(const uint8_t *start, uint64_t size)
{
    if (size == 0) {
        return "it is empty";
    }
    if (size >= 2 && start[0] == 0x1f && start[1] == 0x8b) {
        return "it is gzip-compressed: unpack it first";
    }
    if (size >= 60 && memcmp(start + 56, "ARM\x64", 4) == 0) {
        return "it is a kernel for arm64";
    }
    if (size >= 60 && memcmp(start + 56, "RSC\x05", 4) == 0) {
        return "it is a kernel for RISC-V";
    }
    return "expected is a Linux bzImage, an ELF file with a PVH entry or a unified kernel image";
}

/* Finds out what a file is. A kernel with an EFI stub is a PE file, too, but needs no UEFI: bzImage comes first. */
static int recognise(const struct source *file, enum file_kind *kind, struct diag *diag)
{
    uint8_t start[START_MAX] = {0};
    const uint64_t size = file->size < sizeof(start) ? file->size : sizeof(start);
    int error = source_read(file, 0, start, (size_t)size, "header", diag);

    *kind = FILE_UNKNOWN;
    if (error != 0) {
        return error;
    }
    if (bzimage_is(start, size)) {
        *kind = FILE_BZIMAGE;
    } else if (elf_is(start, size)) {
        *kind = FILE_ELF;
    } else if (pe_is(start, size)) {
        *kind = FILE_PE;
    } else {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: not a kernel: %s", file->name,
                         guess(start, size));
    }
    return 0;
}

/* Adds to the command line, after a space. */
static int add_words(struct job *job, const char *words, struct diag *diag)
{
    const size_t length = strlen(job->command_line);
    const size_t room = sizeof(job->command_line) - length;
    const char *space = length > 0 ? " " : "";

    if (words == NULL || words[0] == '\0') {
        return 0;
    }
    if (strlen(space) + strlen(words) >= room) {
        return diag_fail(diag, -BOOT_E_CONFIG, "the command line has more than %u bytes",
                         IMAGE_COMMAND_LINE_MAX - 1);
    }
    snprintf(job->command_line + length, room, "%s%s", space, words);
    return 0;
}

/* Appends an initrd; an empty one is left out, so that it cannot cost an alignment. */
static void add_initrd(struct job *job, const struct source *initrd)
{
    if (initrd->size > 0) {
        job->parts.initrd[job->parts.initrds++] = initrd;
    }
}

/* Replaces a unified kernel image by what is in it. */
static int open_uki(struct job *job, const struct source *file, enum file_kind *kind,
                    struct diag *diag)
{
    int error = uki_read(&job->uki, file, diag);

    if (error != 0) {
        return error;
    }
    add_initrd(job, &job->uki.microcode);
    add_initrd(job, &job->uki.initrd);
    error = uki_command_line(&job->uki, job->command_line, diag);
    if (error != 0) {
        return error;
    }
    job->parts.kernel = &job->uki.kernel;
    error = recognise(job->parts.kernel, kind, diag);
    if (error == 0 && *kind == FILE_PE) {
        error = diag_fail(diag, -BOOT_E_NEEDS_UEFI,
                          "%s: a UEFI program inside a unified kernel image; only a Linux bzImage "
                          "or an ELF file with a PVH entry can be booted from there",
                          job->parts.kernel->name);
    }
    return error;
}

/* Fills the job: which kernel, which initrds, which command line. */
static int prepare(struct job *job, const struct image_request *request, enum file_kind *kind,
                   struct diag *diag)
{
    int error = recognise(request->kernel, kind, diag);

    job->parts.kernel = request->kernel;
    job->parts.command_line = job->command_line;
    if (error == 0 && *kind == FILE_PE) {
        error = open_uki(job, request->kernel, kind, diag);
    }
    if (error != 0) {
        return error;
    }
    if (request->initrds > BOOT_ENTRY_INITRDS_MAX) {
        return diag_fail(diag, -BOOT_E_CONFIG, "%u initrds; at most %u are supported",
                         request->initrds, BOOT_ENTRY_INITRDS_MAX);
    }
    for (unsigned i = 0; i < request->initrds; i++) {
        add_initrd(job, &request->initrd[i]);
    }
    if (request->options != NULL && request->options[0] != '\0') {
        job->command_line[0] = '\0';
    }
    error = add_words(job, request->options, diag);
    return error != 0 ? error : add_words(job, request->append, diag);
}

int image_load(struct image *image, const struct image_request *request,
               const struct image_env *env, struct diag *diag)
{
    struct image_loader loader = {.image = image, .env = env};
    struct job *job = calloc(1, sizeof(*job));
    enum file_kind kind;
    int error;

    *image = (struct image){0};
    if (job == NULL) {
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory of Slate's own for %zu bytes",
                         sizeof(*job));
    }
    error = prepare(job, request, &kind, diag);
    if (error == 0) {
        error = kind == FILE_BZIMAGE ? bzimage_load(&loader, &job->parts, diag)
                                     : pvh_load(&loader, &job->parts, diag);
    }
    if (error != 0) {
        image_release(image, env->map);
    }
    free(job);
    return error;
}

int image_finish(const struct image *image, const struct memory_map *map, struct diag *diag)
{
    return image->kind == IMAGE_LINUX ? bzimage_finish(image, map, diag)
                                      : pvh_finish(image, map, diag);
}

void image_release(struct image *image, struct memory_map *map)
{
    while (image->ranges > 0) {
        const struct image_range *range = &image->range[--image->ranges];

        memory_free(map, range->base, range->size);
    }
}
