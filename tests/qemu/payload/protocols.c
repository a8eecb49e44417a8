/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two structures a loader can pass: Xen's hvm_start_info (PVH), and Linux's boot_params ("zero
 * page").
 */
#include "payload.h"

enum { PVH_MAGIC = 0x336ec578, PVH_MEMORY_MAP_SINCE = 1 };

struct pvh_start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, command_line, rsdp, memory_map;
    uint32_t memory_entries, reserved;
};

struct pvh_module {
    uint64_t base, size, command_line, reserved;
};

struct pvh_memory {
    uint64_t base, size;
    uint32_t type, reserved;
};

/* Offsets in boot_params. */
enum {
    BP_RSDP = 0x070,
    BP_INITRD_BASE_HIGH = 0x0c0,
    BP_INITRD_SIZE_HIGH = 0x0c4,
    BP_COMMAND_LINE_HIGH = 0x0c8,
    BP_MEMORY_ENTRIES = 0x1e8,
    BP_SENTINEL = 0x1ef,
    BP_BOOT_FLAG = 0x1fe,
    BP_HEADER = 0x202,
    BP_LOADER = 0x210,
    BP_INITRD_BASE = 0x218,
    BP_INITRD_SIZE = 0x21c,
    BP_COMMAND_LINE = 0x228,
    BP_MEMORY = 0x2d0,
    MEMORY_ENTRY = 20,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const void *at(uint64_t address)
{
    return (const void *)(uintptr_t)address;
}

static uint32_t get32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t get64(const uint8_t *bytes)
{
    return get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
}

static void add_memory(struct handover *h, uint64_t base, uint64_t size, uint32_t type)
{
    h->memory[h->ranges].base = base;
    h->memory[h->ranges].size = size;
    h->memory[h->ranges++].type = type;
}

void read_pvh(uint32_t info, struct handover *h)
{
    const struct pvh_start_info *start = at(info);
    const struct pvh_module *modules = at(start->module_list);
    const struct pvh_memory *memory = at(start->memory_map);

    h->protocol = "pvh";
    if (start->magic != PVH_MAGIC || start->version < PVH_MEMORY_MAP_SINCE) {
        problem("start info at %x: magic %x, version %u", info, start->magic, start->version);
        return;
    }
    h->command_line = start->command_line;
    h->rsdp = start->rsdp;
    if (start->modules > COUNT(h->module) || start->memory_entries > COUNT(h->memory)) {
        problem("%u modules, %u memory entries: too many", start->modules, start->memory_entries);
        return;
    }
    for (; h->modules < start->modules; h->modules++) {
        h->module[h->modules].base = modules[h->modules].base;
        h->module[h->modules].size = modules[h->modules].size;
    }
    while (h->ranges < start->memory_entries) {
        const struct pvh_memory *m = &memory[h->ranges];

        add_memory(h, m->base, m->size, m->type);
    }
}

void read_linux(uint32_t info, struct handover *h)
{
    const uint8_t *bp = at(info);
    unsigned ranges = bp[BP_MEMORY_ENTRIES];

    h->protocol = "linux";
    if (get32(bp + BP_HEADER) != 0x53726448 || bp[BP_BOOT_FLAG] != 0x55 ||
        bp[BP_BOOT_FLAG + 1] != 0xaa)
        problem("boot_params at %x does not hold the kernel's setup header", info);
    if (bp[BP_SENTINEL])
        problem("boot_params was not cleared before it was filled: sentinel %x", bp[BP_SENTINEL]);
    if (!bp[BP_LOADER])
        problem("type_of_loader is 0");
    h->command_line = get32(bp + BP_COMMAND_LINE) | (uint64_t)get32(bp + BP_COMMAND_LINE_HIGH)
                                                        << 32;
    h->rsdp = get64(bp + BP_RSDP);
    h->module[0].base = get32(bp + BP_INITRD_BASE) | (uint64_t)get32(bp + BP_INITRD_BASE_HIGH)
                                                         << 32;
    h->module[0].size = get32(bp + BP_INITRD_SIZE) | (uint64_t)get32(bp + BP_INITRD_SIZE_HIGH)
                                                         << 32;
    h->modules = h->module[0].size ? 1 : 0;
    if (ranges > COUNT(h->memory)) {
        problem("%u entries in the memory map: there is room for %u", ranges,
                (unsigned)COUNT(h->memory));
        return;
    }
    while (h->ranges < ranges) {
        const uint8_t *e = bp + BP_MEMORY + h->ranges * MEMORY_ENTRY;

        add_memory(h, get64(e), get64(e + 8), get32(e + 16));
    }
}
