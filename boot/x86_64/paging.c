/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slate's page tables: one to one, RAM without execution, each part of the image with its own rights, page 0 and the
 * stack's guard not there, device registers added on demand. Intel SDM volume 3, 4.5 (four levels).
 */
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/memory.h"
#include "boot/platform.h"
#include "boot/x86_64/cpu.h"
#include "boot/x86_64/x86.h"

#define PAGE_PRESENT  (1ull << 0)
#define PAGE_WRITE    (1ull << 1)
#define PAGE_THROUGH  (1ull << 3)
#define PAGE_UNCACHED (1ull << 4)
#define PAGE_LARGE    (1ull << 7)
#define PAGE_NO_EXEC  (1ull << 63)
#define PAGE_ADDRESS  0x000ffffffffff000ull
#define PAGE_CACHING  (PAGE_THROUGH | PAGE_UNCACHED)

#define CPUID_EXT_FEATURES 0x80000001u
#define CPUID_EXT_NX       (1u << 20)
#define CPUID_EXT_1G       (1u << 26)
#define CPUID_ADDRESSES    0x80000008u
#define ADDRESS_BITS_MIN   36u /* what a CPU without the leaf has */
#define ADDRESS_BITS_MAX   47u /* one to one, and canonical */

#define ENTRIES   512u
#define TOP_LEVEL 3u
#define PAGE_SIZE 4096ull
#define EARLY_END                                                                                  \
    0x100000000ull /* entry.S maps up to here, and tables must lie below while it does */
#define POOL_PAGES 16u

/* Level 0 maps 4 KiB an entry, 1 maps 2 MiB, 2 maps 1 GiB. */
#define LEVEL_SIZE(level) (PAGE_SIZE << (9 * (level)))

static struct memory_map *tables_from;
static uint64_t pool_next, pool_end;
static uint64_t *root;
static uint64_t no_exec; /* PAGE_NO_EXEC if the CPU knows it */
static uint64_t address_end;
static unsigned largest_level;
static bool active;

static uint64_t *new_table(void)
{
    if (pool_next == pool_end) {
        pool_next = memory_alloc(tables_from, POOL_PAGES * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE,
                                 EARLY_END, MEMORY_SLATE);
        pool_end = pool_next == 0 ? 0 : pool_next + POOL_PAGES * PAGE_SIZE;
        if (pool_next == 0) {
            return NULL;
        }
    }
    uint64_t *table = (uint64_t *)(uintptr_t)pool_next;

    pool_next += PAGE_SIZE;
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = 0;
    }
    return table;
}

/*
 * The entry for `address` at *level, or the present one that maps it or stands in the way at a higher level or the
 * same; sets *level to where it is. Tables on the way are made. NULL: no memory.
 */
static uint64_t *find_entry(uint64_t address, unsigned *level)
{
    uint64_t *table = root;

    for (unsigned l = TOP_LEVEL;; l--) {
        uint64_t *entry = &table[address / LEVEL_SIZE(l) % ENTRIES];
        bool is_table = (*entry & PAGE_PRESENT) != 0 && l > 0 && (*entry & PAGE_LARGE) == 0;

        if (!is_table && (l <= *level || (*entry & PAGE_PRESENT) != 0)) {
            *level = l;
            return entry;
        }
        if (!is_table) {
            uint64_t *made = new_table();

            if (made == NULL) {
                return NULL;
            }
            *entry = (uint64_t)(uintptr_t)made | PAGE_PRESENT | PAGE_WRITE;
        }
        table = (uint64_t *)(uintptr_t)(*entry & PAGE_ADDRESS);
    }
}

static unsigned level_for(uint64_t base, uint64_t end)
{
    unsigned level = largest_level;

    while (level > 0 && (base % LEVEL_SIZE(level) != 0 || end - base < LEVEL_SIZE(level))) {
        level--;
    }
    return level;
}

/* Maps page-aligned [base, end); what is mapped already stays, and must have the same caching. */
static int map_pages(uint64_t base, uint64_t end, uint64_t flags)
{
    while (base < end) {
        unsigned level = level_for(base, end);
        uint64_t *entry = find_entry(base, &level);

        if (entry == NULL) {
            return -BOOT_E_NO_MEMORY;
        }
        if ((*entry & PAGE_PRESENT) == 0) {
            *entry = base | flags | PAGE_PRESENT | (level > 0 ? PAGE_LARGE : 0);
        } else if ((*entry & PAGE_CACHING) != (flags & PAGE_CACHING)) {
            return -BOOT_E_PLATFORM;
        }
        base = (base | (LEVEL_SIZE(level) - 1)) + 1;
    }
    return 0;
}

static int map_image(void)
{
    static const struct {
        const char *start, *end;
        uint64_t rights;
        bool executable;
    } parts[] = {
        {text_start, text_end, 0, true},
        {rodata_start, rodata_end, 0, false},
        {data_start, stack_guard, PAGE_WRITE, false},
        {stack_bottom, data_end, PAGE_WRITE, false},
    };

    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        uint64_t flags = parts[i].rights | (parts[i].executable ? 0 : no_exec);
        int error = map_pages((uint64_t)(uintptr_t)parts[i].start,
                              (uint64_t)(uintptr_t)parts[i].end, flags);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Whole pages of RAM in [base, end), page 0 and the image left out. */
static int map_ram(uint64_t base, uint64_t end)
{
    uint64_t image = (uint64_t)(uintptr_t)image_start;
    uint64_t after = (uint64_t)(uintptr_t)image_end;
    uint64_t flags = PAGE_WRITE | no_exec;

    base = max64((base + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), PAGE_SIZE);
    end = min64(end & ~(PAGE_SIZE - 1), address_end);
    int error = map_pages(base, min64(end, image), flags);

    return error != 0 ? error : map_pages(max64(base, after), end, flags);
}

static bool is_ram(enum memory_type type)
{
    return type == MEMORY_USABLE || type == MEMORY_SLATE || type == MEMORY_LOADED;
}

static void read_cpu(void)
{
    struct x86_cpuid features = x86_cpuid(CPUID_EXT_FEATURES);
    unsigned bits = ADDRESS_BITS_MIN;

    if (x86_cpuid(0x80000000u).eax >= CPUID_ADDRESSES) {
        bits = x86_cpuid(CPUID_ADDRESSES).eax & 0xff;
    }
    if (bits < 32 || bits > ADDRESS_BITS_MAX) {
        bits = bits < 32 ? ADDRESS_BITS_MIN : ADDRESS_BITS_MAX;
    }
    address_end = 1ull << bits;
    largest_level = (features.edx & CPUID_EXT_1G) != 0 ? 2 : 1;
    no_exec = (features.edx & CPUID_EXT_NX) != 0 ? PAGE_NO_EXEC : 0;
}

int x86_paging_init(struct memory_map *map, struct diag *diag)
{
    tables_from = map;
    read_cpu();
    root = new_table();
    int error = root == NULL ? -BOOT_E_NO_MEMORY : map_image();

    /* Making tables splits ranges of `map` but never moves RAM into or out of it. */
    for (unsigned i = 0; error == 0 && i < map->count; i++) {
        const struct memory_range range = map->range[i];

        if (is_ram(range.type)) {
            error = map_ram(range.base, range.base + range.size);
        }
    }
    if (error != 0) {
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for page tables");
    }
    if (no_exec != 0) {
        x86_write_msr(X86_MSR_EFER, x86_read_msr(X86_MSR_EFER) | X86_EFER_NXE);
    }
    x86_write_cr3((uint64_t)(uintptr_t)root);
    active = true;
    return 0;
}

bool x86_map(uint64_t base, uint64_t length, enum x86_cache cache)
{
    if (length == 0 || base < PAGE_SIZE || base > address_end || length > address_end - base) {
        return false;
    }
    uint64_t first = base & ~(PAGE_SIZE - 1);
    uint64_t end = (base + length + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    uint64_t flags = no_exec | (cache == X86_UNCACHED ? PAGE_WRITE | PAGE_CACHING : 0);

    return map_pages(first, end, flags) == 0;
}

volatile void *platform_map_registers(uint64_t base, uint64_t length)
{
    return x86_map(base, length, X86_UNCACHED) ? (volatile void *)(uintptr_t)base : NULL;
}

void *memory_pointer(uint64_t base, uint64_t length)
{
    /* QEMU's option ROM leaves the memory map in page 0, which is there until the final tables are. */
    bool mapped = active ? x86_map(base, length, X86_CACHED)
                         : base != 0 && base < EARLY_END && length <= EARLY_END - base;

    return mapped ? (void *)(uintptr_t)base : NULL;
}
