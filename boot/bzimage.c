/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux kernels as bzImage, by the 64-bit boot protocol: the setup header is checked and copied into a boot_params that
 * is zero otherwise. Linux' Documentation/arch/x86/boot.rst and zero-page.rst.
 */
#include "boot/bzimage.h"

#include <string.h>

#include "boot/bytes.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/image_memory.h"
#include "boot/memory.h"
#include "boot/source.h"

/* The setup header: offsets in the file, and just so in boot_params. */
#define SETUP_SECTS        0x1f1u
#define SYSSIZE            0x1f4u
#define VID_MODE           0x1fau
#define BOOT_FLAG          0x1feu
#define JUMP_OFFSET        0x201u
#define HEADER             0x202u
#define VERSION            0x206u
#define TYPE_OF_LOADER     0x210u
#define LOADFLAGS          0x211u
#define CODE32_START       0x214u
#define RAMDISK_IMAGE      0x218u
#define RAMDISK_SIZE       0x21cu
#define HEAP_END_PTR       0x224u
#define CMD_LINE_PTR       0x228u
#define INITRD_ADDR_MAX    0x22cu
#define KERNEL_ALIGNMENT   0x230u
#define RELOCATABLE_KERNEL 0x234u
#define MIN_ALIGNMENT      0x235u
#define XLOADFLAGS         0x236u
#define CMDLINE_SIZE       0x238u
#define SETUP_DATA         0x250u
#define PREF_ADDRESS       0x258u
#define INIT_SIZE          0x260u
#define HEADER_END_LEAST   0x264u /* with init_size, which every version that is accepted has */
#define HEADER_END_MOST    0x290u /* the next field of boot_params */

/* The other fields of boot_params. */
#define ACPI_RSDP_ADDR    0x070u
#define EXT_RAMDISK_IMAGE 0x0c0u
#define EXT_RAMDISK_SIZE  0x0c4u
#define E820_ENTRIES      0x1e8u
#define E820_TABLE        0x2d0u
#define E820_TABLE_MAX    128u

#define BOOT_FLAG_MAGIC  0xaa55u
#define HEADER_MAGIC     0x53726448u /* "HdrS" */
#define VERSION_LEAST    0x20cu
#define LOADED_HIGH      0x01u
#define CAN_USE_HEAP     0x80u
#define KERNEL_64        0x01u
#define ABOVE_4G         0x02u
#define LOADER_UNDEFINED 0xffu
#define VID_MODE_NORMAL  0xffffu
#define HEAP_END         0xfe00u /* of a real-mode setup, which is not run */
#define SETUP_E820_EXT   1u
#define ENTRY_64         0x200u
#define SECTOR           512u
#define PARAGRAPH        16u
#define CMDLINE_SIZE_OLD 255u /* if the header leaves the limit out */

/* One allocation holds boot_params, a setup_data node for a long memory map, and the command line. */
#define NODE_OFFSET    4096u
#define NODE_NEXT      0u
#define NODE_TYPE      8u
#define NODE_LENGTH    12u
#define NODE_DATA      16u
#define NODE_SIZE      8192u
#define CMDLINE_OFFSET (NODE_OFFSET + NODE_SIZE)

_Static_assert(NODE_DATA + MEMORY_RANGES_MAX * sizeof(struct memory_e820) <= NODE_SIZE,
               "the node is where the whole map is written first");
_Static_assert(E820_TABLE + E820_TABLE_MAX * sizeof(struct memory_e820) <= NODE_OFFSET,
               "the table is inside boot_params");
_Static_assert(BZIMAGE_START == HEADER_END_MOST, "the start holds every field of the header");

/* What the setup header says, checked. */
struct setup {
    uint8_t start[BZIMAGE_START]; /* of the file */
    unsigned header_end;          /* in it */
    uint64_t payload_offset;
    uint64_t payload_size;
    uint64_t memory_size; /* what the kernel uses before it looks at the memory map */
    uint64_t preferred;
    uint64_t align;
    uint64_t align_least;
    uint64_t initrd_end; /* initrds lie below */
    uint64_t cmdline_size;
    bool relocatable;
    bool above_4g;
};

bool bzimage_is(const uint8_t *start, uint64_t size)
{
    return size >= VERSION && get_le16(start + BOOT_FLAG) == BOOT_FLAG_MAGIC &&
           get_le32(start + HEADER) == HEADER_MAGIC;
}

/* ---- The setup header ----------------------------------------------------------------------------------------- */

static int check_protocol(const struct setup *setup, const char *name, struct diag *diag)
{
    const unsigned version = get_le16(setup->start + VERSION);

    if (version < VERSION_LEAST) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: Linux boot protocol %u.%02u; 2.12 (Linux 3.8) or later is needed",
                         name, version >> 8, version & 0xff);
    }
    if ((setup->start[LOADFLAGS] & LOADED_HIGH) == 0) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL, "%s: a zImage; a bzImage is needed", name);
    }
    if ((get_le16(setup->start + XLOADFLAGS) & KERNEL_64) == 0) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: a 32-bit kernel; one with a 64-bit entry (XLF_KERNEL_64) is needed",
                         name);
    }
    if (setup->header_end < HEADER_END_LEAST || setup->header_end > HEADER_END_MOST) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: the setup header ends at 0x%x; 0x%x to 0x%x is expected", name,
                         setup->header_end, HEADER_END_LEAST, HEADER_END_MOST);
    }
    return 0;
}

static int read_payload(struct setup *setup, const struct source *kernel, struct diag *diag)
{
    const unsigned sectors = setup->start[SETUP_SECTS] == 0 ? 4 : setup->start[SETUP_SECTS];

    setup->payload_offset = (sectors + 1) * (uint64_t)SECTOR;
    setup->payload_size = get_le32(setup->start + SYSSIZE) * (uint64_t)PARAGRAPH;
    if (setup->payload_size <= ENTRY_64) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: the setup header announces %llu bytes of kernel (syssize)",
                         kernel->name, (unsigned long long)setup->payload_size);
    }
    if (setup->payload_offset + setup->payload_size > kernel->size) {
        return diag_fail(diag, -BOOT_E_TRUNCATED,
                         "%s: %llu bytes, but its setup header announces %llu (setup_sects, "
                         "syssize); copy the kernel again",
                         kernel->name, (unsigned long long)kernel->size,
                         (unsigned long long)(setup->payload_offset + setup->payload_size));
    }
    return 0;
}

static bool is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Where the kernel may be put. */
static int read_placement(struct setup *setup, const char *name, struct diag *diag)
{
    const uint32_t align = get_le32(setup->start + KERNEL_ALIGNMENT);
    const unsigned shift = setup->start[MIN_ALIGNMENT];
    const uint64_t init_size = get_le32(setup->start + INIT_SIZE);

    setup->relocatable = setup->start[RELOCATABLE_KERNEL] != 0;
    setup->preferred = get_le64(setup->start + PREF_ADDRESS);
    setup->memory_size = init_size > setup->payload_size ? init_size : setup->payload_size;
    if (!setup->relocatable) {
        if (setup->preferred == 0 || setup->preferred % IMAGE_PAGE != 0) {
            return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                             "%s: not relocatable, and pref_address is 0x%llx", name,
                             (unsigned long long)setup->preferred);
        }
        return 0;
    }
    if (!is_power_of_two(align) || shift > 31) {
        return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                         "%s: kernel_alignment is 0x%x, min_alignment %u; a power of two, and at "
                         "most 31, are expected",
                         name, (unsigned)align, shift);
    }
    setup->align = align < IMAGE_PAGE ? IMAGE_PAGE : align;
    setup->align_least = shift == 0 ? setup->align : (uint64_t)1 << shift;
    if (setup->align_least < IMAGE_PAGE) {
        setup->align_least = IMAGE_PAGE;
    }
    return 0;
}

static int read_setup(struct setup *setup, const struct source *kernel, struct diag *diag)
{
    int error = source_read(kernel, 0, setup->start, BZIMAGE_START, "setup header", diag);

    if (error == 0) {
        setup->header_end = HEADER + setup->start[JUMP_OFFSET];
        error = check_protocol(setup, kernel->name, diag);
    }
    if (error == 0) {
        error = read_payload(setup, kernel, diag);
    }
    if (error == 0) {
        error = read_placement(setup, kernel->name, diag);
    }
    if (error != 0) {
        return error;
    }
    setup->above_4g = (get_le16(setup->start + XLOADFLAGS) & ABOVE_4G) != 0;
    setup->initrd_end = (uint64_t)get_le32(setup->start + INITRD_ADDR_MAX) + 1;
    setup->cmdline_size = get_le32(setup->start + CMDLINE_SIZE);
    if (setup->cmdline_size == 0) {
        setup->cmdline_size = CMDLINE_SIZE_OLD;
    }
    return 0;
}

/* ---- Memory --------------------------------------------------------------------------------------------------- */

/*
 * A kernel never runs below its preferred address: put there, it would move up by itself, over what it does not know.
 * `*align` becomes the alignment that its place has.
 */
static int place_kernel(struct image_loader *loader, const struct setup *setup, const char *name,
                        uint64_t *base, uint64_t *align, struct diag *diag)
{
    struct image_place place = {
        .what = "kernel",
        .size = setup->memory_size,
        .min = setup->preferred > IMAGE_LOWEST ? setup->preferred : IMAGE_LOWEST,
        .max = IMAGE_ENTRY_END,
        .low = true,
    };

    *align = setup->align;
    *base = setup->preferred;
    if ((!setup->relocatable || *base % *align == 0) && *base < IMAGE_ENTRY_END &&
        setup->memory_size <= IMAGE_ENTRY_END - *base &&
        image_reserve_at(loader, place.what, *base, place.size)) {
        return 0;
    }
    if (!setup->relocatable) {
        return diag_fail(diag, -BOOT_E_NO_MEMORY,
                         "%s: not relocatable: needs %llu KiB at 0x%llx, and that is not free",
                         name, (unsigned long long)((place.size + 1023) / 1024),
                         (unsigned long long)*base);
    }
    do {
        place.align = *align;
        *base = image_reserve(loader, &place);
    } while (*base == 0 && (*align /= 2) >= setup->align_least);
    return *base != 0 ? 0 : image_no_memory(loader, name, &place, diag);
}

/* The kernel says up to where it finds an initrd before it has mapped all memory, and whether it can do without. */
static int place_initrd(struct image_loader *loader, const struct setup *setup, uint64_t size,
                        uint64_t *base, struct diag *diag)
{
    struct image_place place = {
        .what = "initrd",
        .size = size,
        .align = IMAGE_PAGE,
        .min = IMAGE_LOWEST,
        .max = setup->initrd_end,
    };

    *base = 0;
    if (size == 0) {
        return 0;
    }
    *base = image_reserve(loader, &place);
    if (*base == 0 && setup->above_4g) {
        place.max = UINT64_MAX;
        *base = image_reserve(loader, &place);
    }
    return *base != 0 ? 0 : image_no_memory(loader, "initrd", &place, diag);
}

static int place_boot_data(struct image_loader *loader, const char *command_line, struct diag *diag)
{
    const struct image_place place = {
        .what = "boot data",
        .size = CMDLINE_OFFSET + strlen(command_line) + 1,
        .align = IMAGE_PAGE,
        .min = IMAGE_LOWEST,
        .max = IMAGE_ENTRY_END,
    };

    loader->image->boot_data = image_reserve(loader, &place);
    return loader->image->boot_data != 0 ? 0 : image_no_memory(loader, "Linux", &place, diag);
}

/* ---- Boot data ------------------------------------------------------------------------------------------------ */

struct loaded {
    uint64_t kernel;
    uint64_t align;
    uint64_t initrd; /* 0 if there is none */
    uint64_t initrd_size;
};

static void fill_header(uint8_t *params, const struct setup *setup, const struct loaded *loaded,
                        uint64_t command_line)
{
    memcpy(params + SETUP_SECTS, setup->start + SETUP_SECTS, setup->header_end - SETUP_SECTS);
    put_le16(params + VID_MODE, VID_MODE_NORMAL);
    params[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    params[LOADFLAGS] |= CAN_USE_HEAP;
    put_le16(params + HEAP_END_PTR, HEAP_END);
    put_le32(params + CODE32_START, (uint32_t)loaded->kernel);
    put_le32(params + RAMDISK_IMAGE, (uint32_t)loaded->initrd);
    put_le32(params + EXT_RAMDISK_IMAGE, (uint32_t)(loaded->initrd >> 32));
    put_le32(params + RAMDISK_SIZE, (uint32_t)loaded->initrd_size);
    put_le32(params + EXT_RAMDISK_SIZE, (uint32_t)(loaded->initrd_size >> 32));
    put_le32(params + CMD_LINE_PTR, (uint32_t)command_line);
    put_le64(params + SETUP_DATA, 0);
    if (setup->relocatable) {
        put_le32(params + KERNEL_ALIGNMENT, (uint32_t)loaded->align);
    }
}

static int write_boot_data(const struct image_loader *loader, const struct setup *setup,
                           const struct loaded *loaded, const char *command_line, struct diag *diag)
{
    const uint64_t base = loader->image->boot_data;
    const size_t length = strlen(command_line) + 1;
    void *pointer;
    uint8_t *params;
    int error;

    error = image_pointer(base, CMDLINE_OFFSET + length, &pointer, diag);
    if (error != 0) {
        return error;
    }
    params = pointer;
    memset(params, 0, CMDLINE_OFFSET);
    memcpy(params + CMDLINE_OFFSET, command_line, length);
    fill_header(params, setup, loaded, base + CMDLINE_OFFSET);
    put_le64(params + ACPI_RSDP_ADDR, loader->env->rsdp);
    return 0;
}

/* Places everything, then reads everything. */
static int load(struct image_loader *loader, const struct image_parts *parts,
                const struct setup *setup, struct diag *diag)
{
    struct loaded loaded;
    uint64_t initrd_read;
    int error;

    error = image_initrd_size(parts, &loaded.initrd_size, &initrd_read, diag);
    if (error == 0) {
        error =
            place_kernel(loader, setup, parts->kernel->name, &loaded.kernel, &loaded.align, diag);
    }
    if (error == 0) {
        error = place_initrd(loader, setup, loaded.initrd_size, &loaded.initrd, diag);
    }
    if (error == 0) {
        error = place_boot_data(loader, parts->command_line, diag);
    }
    if (error != 0) {
        return error;
    }
    loader->total = setup->payload_size + initrd_read;
    error = image_read(loader, parts->kernel, setup->payload_offset, loaded.kernel,
                       setup->payload_size, "kernel", diag);
    if (error == 0) {
        error = image_read_initrds(loader, parts, loaded.initrd, diag);
    }
    if (error == 0) {
        error = write_boot_data(loader, setup, &loaded, parts->command_line, diag);
    }
    loader->image->entry = loaded.kernel + ENTRY_64;
    return error;
}

int bzimage_load(struct image_loader *loader, const struct image_parts *parts, struct diag *diag)
{
    struct setup setup = {0};
    const size_t length = strlen(parts->command_line);
    int error = read_setup(&setup, parts->kernel, diag);

    if (error != 0) {
        return error;
    }
    if (length > setup.cmdline_size) {
        return diag_fail(diag, -BOOT_E_CONFIG,
                         "%s: the command line has %zu bytes; this kernel takes at most %llu",
                         parts->kernel->name, length, (unsigned long long)setup.cmdline_size);
    }
    loader->image->kind = IMAGE_LINUX;
    return load(loader, parts, &setup, diag);
}

/* The first 128 entries go to boot_params, the others follow in a setup_data node. */
int bzimage_finish(const struct image *image, const struct memory_map *map, struct diag *diag)
{
    void *pointer;
    uint8_t *params;
    uint8_t *node;
    uint8_t *table;
    unsigned more;
    int count;
    int error;

    error = image_pointer(image->boot_data, CMDLINE_OFFSET, &pointer, diag);
    if (error != 0) {
        return error;
    }
    params = pointer;
    node = params + NODE_OFFSET;
    table = node + NODE_DATA;
    count = memory_e820(map, (struct memory_e820 *)(void *)table, MEMORY_RANGES_MAX);
    if (count < 0) {
        return diag_fail(diag, -BOOT_E_PLATFORM, "the memory map has more than %u entries",
                         MEMORY_RANGES_MAX);
    }
    more = (unsigned)count > E820_TABLE_MAX ? (unsigned)count - E820_TABLE_MAX : 0;
    params[E820_ENTRIES] = (uint8_t)((unsigned)count - more);
    memcpy(params + E820_TABLE, table, params[E820_ENTRIES] * sizeof(struct memory_e820));
    if (more > 0) {
        memmove(table, table + E820_TABLE_MAX * sizeof(struct memory_e820),
                more * sizeof(struct memory_e820));
        put_le64(node + NODE_NEXT, 0);
        put_le32(node + NODE_TYPE, SETUP_E820_EXT);
        put_le32(node + NODE_LENGTH, more * (uint32_t)sizeof(struct memory_e820));
        put_le64(params + SETUP_DATA, image->boot_data + NODE_OFFSET);
    }
    return 0;
}
