/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading a program with a PVH entry, and the hvm_start_info that it finds there. Xen's docs/misc/pvh.pandoc and
 * include/public/arch-x86/hvm/start_info.h.
 */
#include "boot/pvh.h"

#include <string.h>

#include "boot/diag.h"
#include "boot/elf.h"
#include "boot/error.h"
#include "boot/hvm_start_info.h"
#include "boot/image_memory.h"
#include "boot/memory.h"
#include "boot/source.h"

/* One allocation holds all that the OS is told; the command line follows it. */
struct boot_data {
    struct hvm_start_info info;
    struct hvm_module initrd;
    struct hvm_memory_map_entry map[MEMORY_RANGES_MAX];
};

/* Linux reads it before it has page tables for more than this. */
#define START_INFO_END 0x40000000u

_Static_assert(ELF_LOADS_MAX + 2 <= IMAGE_RANGES_MAX,
               "every segment, the initrd and the boot data");
_Static_assert(sizeof(struct memory_e820) < sizeof(struct hvm_memory_map_entry),
               "the map is widened in place, from its end");

/* ---- Memory --------------------------------------------------------------------------------------------------- */

static uint64_t end_page(const struct elf_load *load)
{
    return image_round_up(load->address + load->memory_size, IMAGE_PAGE);
}

/* Takes the pages of all segments. Neighbours may share a page, so pages that touch are taken together. */
static int place_program(struct image_loader *loader, const struct elf *program, const char *name,
                         struct diag *diag)
{
    unsigned i = 0;

    while (i < program->loads) {
        const uint64_t base = program->load[i].address & ~(uint64_t)(IMAGE_PAGE - 1);
        uint64_t end = end_page(&program->load[i++]);

        while (i < program->loads && program->load[i].address <= end) {
            end = end_page(&program->load[i++]);
        }
        if (!image_reserve_at(loader, "kernel", base, end - base)) {
            return diag_fail(diag, -BOOT_E_NO_MEMORY,
                             "%s: needs the memory from 0x%llx to 0x%llx, which the machine does "
                             "not have or Slate itself uses",
                             name, (unsigned long long)base, (unsigned long long)end);
        }
    }
    return 0;
}

/* Takes one piece of memory, as high as possible. */
static int place_part(struct image_loader *loader, const char *what, uint64_t size, uint64_t max,
                      uint64_t *base, struct diag *diag)
{
    const struct image_place place = {
        .what = what,
        .size = size,
        .align = IMAGE_PAGE,
        .min = IMAGE_LOWEST,
        .max = max,
    };

    *base = size == 0 ? 0 : image_reserve(loader, &place);
    return size == 0 || *base != 0 ? 0 : image_no_memory(loader, "PVH", &place, diag);
}

static int read_segments(struct image_loader *loader, const struct image_parts *parts,
                         const struct elf *program, struct diag *diag)
{
    int error = 0;

    for (unsigned i = 0; error == 0 && i < program->loads; i++) {
        const struct elf_load *load = &program->load[i];

        error = image_read(loader, parts->kernel, load->offset, load->address, load->file_size,
                           "segment", diag);
        if (error == 0) {
            error = image_clear(load->address + load->file_size,
                                load->memory_size - load->file_size, diag);
        }
    }
    return error;
}

/* ---- Boot data ------------------------------------------------------------------------------------------------ */

static int write_start_info(const struct image_loader *loader, const char *command_line,
                            uint64_t initrd, uint64_t initrd_size, struct diag *diag)
{
    const uint64_t base = loader->image->boot_data;
    const size_t length = strlen(command_line) + 1;
    struct boot_data *data;
    void *pointer;
    int error;

    error = image_pointer(base, sizeof(*data) + length, &pointer, diag);
    if (error != 0) {
        return error;
    }
    data = pointer;
    memset(data, 0, sizeof(*data));
    data->info.magic = HVM_START_MAGIC;
    data->info.version = 1;
    data->info.command_line = base + sizeof(*data);
    data->info.rsdp = loader->env->rsdp;
    data->info.memory_map = base + offsetof(struct boot_data, map);
    if (initrd_size > 0) {
        data->info.modules = 1;
        data->info.module_list = base + offsetof(struct boot_data, initrd);
        data->initrd.base = initrd;
        data->initrd.size = initrd_size;
    }
    memcpy(data + 1, command_line, length);
    return 0;
}

/* Places everything, then reads everything. */
static int load(struct image_loader *loader, const struct image_parts *parts,
                const struct elf *program, struct diag *diag)
{
    uint64_t initrd = 0;
    uint64_t initrd_size;
    int error;

    error = image_initrd_size(parts, &initrd_size, &loader->total, diag);
    if (error == 0) {
        error = place_program(loader, program, parts->kernel->name, diag);
    }
    if (error == 0) {
        error = place_part(loader, "initrd", initrd_size, IMAGE_ENTRY_END, &initrd, diag);
    }
    if (error == 0) {
        error = place_part(loader, "boot data",
                           sizeof(struct boot_data) + strlen(parts->command_line) + 1,
                           START_INFO_END, &loader->image->boot_data, diag);
    }
    if (error != 0) {
        return error;
    }
    for (unsigned i = 0; i < program->loads; i++) {
        loader->total += program->load[i].file_size;
    }
    error = read_segments(loader, parts, program, diag);
    if (error == 0) {
        error = image_read_initrds(loader, parts, initrd, diag);
    }
    if (error == 0) {
        error = write_start_info(loader, parts->command_line, initrd, initrd_size, diag);
    }
    return error;
}

int pvh_load(struct image_loader *loader, const struct image_parts *parts, struct diag *diag)
{
    struct elf program;
    const int error = elf_read(&program, parts->kernel, diag);

    if (error != 0) {
        return error;
    }
    loader->image->kind = IMAGE_PVH;
    loader->image->entry = program.entry;
    return load(loader, parts, &program, diag);
}

/* Entries for the OS are longer than those of memory_e820(): they are moved apart from the last to the first. */
int pvh_finish(const struct image *image, const struct memory_map *map, struct diag *diag)
{
    struct boot_data *data;
    struct memory_e820 *narrow;
    void *pointer;
    int count;
    int error;

    error = image_pointer(image->boot_data, sizeof(*data), &pointer, diag);
    if (error != 0) {
        return error;
    }
    data = pointer;
    narrow = (struct memory_e820 *)(void *)data->map;
    count = memory_e820(map, narrow, MEMORY_RANGES_MAX);
    if (count < 0) {
        return diag_fail(diag, -BOOT_E_PLATFORM, "the memory map has more than %u entries",
                         MEMORY_RANGES_MAX);
    }
    for (unsigned i = (unsigned)count; i-- > 0;) {
        struct memory_e820 entry = narrow[i];

        data->map[i] = (struct hvm_memory_map_entry){
            .base = entry.base, .size = entry.size, .type = entry.type};
    }
    data->info.memory_map_entries = (uint32_t)count;
    return 0;
}
