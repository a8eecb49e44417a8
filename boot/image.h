/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OS images: what kind a file is, loading it to its final place, and the last strokes before it is entered. Content
 * decides, not names: a Linux bzImage, an ELF file with a PVH entry, or a unified kernel image that holds one of them.
 */
#ifndef SLATE_BOOT_IMAGE_H
#define SLATE_BOOT_IMAGE_H

#include <stdint.h>

struct diag;
struct memory_map;
struct source;

#define IMAGE_INITRDS_MAX      20u /* those of an entry and those of a unified kernel image */
#define IMAGE_RANGES_MAX       40u
#define IMAGE_COMMAND_LINE_MAX 16384u /* bytes, terminator included; the kernel may allow less */

enum image_kind {
    IMAGE_LINUX, /* enter by platform_enter_linux(entry, boot_data) */
    IMAGE_PVH,   /* enter by platform_enter_pvh(entry, boot_data); both are below 4 GiB */
};

/* Memory that holds a part of what was loaded, of type MEMORY_LOADED; whole pages. */
struct image_range {
    uint64_t base;
    uint64_t size;    /* bytes */
    const char *what; /* "kernel", "initrd", "boot data" */
};

/* A loaded image. */
struct image {
    enum image_kind kind;
    uint64_t entry;     /* physical address of the first instruction */
    uint64_t boot_data; /* physical address of boot_params (Linux) or hvm_start_info (PVH) */
    unsigned ranges;
    struct image_range range[IMAGE_RANGES_MAX];
};

/* What is to be booted. */
struct image_request {
    const struct source *kernel;
    const struct source *initrd; /* in order */
    unsigned initrds;            /* at most BOOT_ENTRY_INITRDS_MAX of boot/entries.h */
    const char *options;         /* the command line; "" or NULL: that of a unified kernel image */
    const char *append;          /* added to it after a space; "" or NULL: nothing */
};

/* What loading needs from the outside. */
struct image_env {
    struct memory_map *map;
    uint64_t rsdp; /* physical address of the ACPI root pointer; 0: none */
    /* If not NULL: called after each large read with the bytes read by then and the bytes of everything. */
    void (*progress)(void *ctx, const char *name, uint64_t done, uint64_t total);
    void *ctx;
};

/*
 * Reads headers, checks them and the space in memory, then reads kernel and initrds straight to where the OS expects
 * them. On failure no memory stays taken. The sources are not needed afterwards.
 * Errors: -BOOT_E_NOT_KERNEL, -BOOT_E_NEEDS_UEFI, -BOOT_E_TRUNCATED, -BOOT_E_NO_MEMORY (with what is needed and what
 * there is), -BOOT_E_CONFIG (command line too long, too many initrds), -BOOT_E_PLATFORM (memory out of reach), what
 * the sources return.
 */
int image_load(struct image *image, const struct image_request *request,
               const struct image_env *env, struct diag *diag);

/*
 * Writes the memory map into the boot data. To be called last, when the map does not change any more.
 * Errors: -BOOT_E_PLATFORM (the map has more entries than the boot data has room for).
 */
int image_finish(const struct image *image, const struct memory_map *map, struct diag *diag);

/* Gives the memory of a loaded image back. */
void image_release(struct image *image, struct memory_map *map);

#endif
