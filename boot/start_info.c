/* SPDX-License-Identifier: BSD-2-Clause */
/* What a virtual machine monitor says about the machine at a PVH entry (Xen's include/public/arch-x86/hvm/start_info.h). */
#include "boot/start_info.h"

#include <string.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/hvm_start_info.h"
#include "boot/memory.h"

#define MAP_ENTRIES_MAX 1024u /* QEMU's option ROM has room for 128 */

/* The types are those of e820 (ACPI 6.5, table 15.4); what is not known there is reserved. */
static enum memory_type type_of(uint32_t e820)
{
    switch (e820) {
    case 1:
        return MEMORY_USABLE;
    case 3:
        return MEMORY_ACPI;
    case 4:
        return MEMORY_NVS;
    case 5:
        return MEMORY_UNUSABLE;
    case 7:
        return MEMORY_PMEM;
    default:
        return MEMORY_RESERVED;
    }
}

static int read_map(uint64_t address, uint32_t entries, struct memory_map *map, struct diag *diag)
{
    if (entries == 0 || entries > MAP_ENTRIES_MAX) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "start info: the memory map has %u entries; 1 to %u were expected",
                         (unsigned)entries, MAP_ENTRIES_MAX);
    }
    uint64_t length = entries * sizeof(struct hvm_memory_map_entry);
    const char *source = memory_pointer(address, length);

    if (source == NULL) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "start info: the memory map at 0x%llx cannot be reached",
                         (unsigned long long)address);
    }
    for (uint32_t i = 0; i < entries; i++) {
        struct hvm_memory_map_entry entry;

        memcpy(&entry, source + i * sizeof(entry), sizeof(entry));
        int error = memory_add(map, entry.base, entry.size, type_of(entry.type), diag);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int read_command_line(char *out, uint64_t address, struct diag *diag)
{
    /* A byte at a time: where the string ends decides how much must be reachable. */
    for (unsigned i = 0; address != 0 && i < START_COMMAND_LINE_MAX; i++) {
        const char *byte = memory_pointer(address + i, 1);

        if (byte == NULL) {
            return diag_fail(diag, -BOOT_E_PLATFORM,
                             "start info: the command line at 0x%llx cannot be reached",
                             (unsigned long long)address);
        }
        out[i] = *byte;
        if (out[i] == '\0') {
            return 0;
        }
    }
    if (address != 0) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "start info: the command line is longer than %u bytes; shorten -append",
                         START_COMMAND_LINE_MAX - 1);
    }
    out[0] = '\0';
    return 0;
}

int start_info_read(struct start_info *info, uint64_t address, struct memory_map *map,
                    struct diag *diag)
{
    struct hvm_start_info raw;
    const void *source = memory_pointer(address, offsetof(struct hvm_start_info, memory_map));

    if (source == NULL) {
        return diag_fail(diag, -BOOT_E_PLATFORM, "start info: 0x%llx cannot be reached",
                         (unsigned long long)address);
    }
    memcpy(&raw, source, offsetof(struct hvm_start_info, memory_map));
    if (raw.magic != HVM_START_MAGIC) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "start info: found 0x%08x where the magic number 0x%08x was expected; "
                         "Slate must be entered by its PVH entry point",
                         (unsigned)raw.magic, HVM_START_MAGIC);
    }
    if (raw.version == 0) {
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "start info: version 0 has no memory map; version 1 is needed");
    }
    source = memory_pointer(address, sizeof(raw));
    if (source == NULL) {
        return diag_fail(diag, -BOOT_E_PLATFORM, "start info: 0x%llx cannot be reached",
                         (unsigned long long)address);
    }
    memcpy(&raw, source, sizeof(raw));

    info->rsdp = raw.rsdp;
    info->modules = raw.modules;
    int error = read_command_line(info->command_line, raw.command_line, diag);

    return error != 0 ? error : read_map(raw.memory_map, raw.memory_map_entries, map, diag);
}
