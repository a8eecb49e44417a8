/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux bzImage by the 64-bit boot protocol, judged by Linux' own <asm/bootparam.h>. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/image.h"
#include "tests/unit/support/guest_memory.h"
#include "tests/unit/support/kernel_file.h"

#define MIB     (1ull << 20)
#define PAYLOAD 0xfc000u
#define RSDP    0xf5a40u

static struct kernel_file file;
static struct setup_header *header; /* of the file */
static struct image image;
static struct diag diag;
static struct memory_map map_before;

static uint64_t progress_done, progress_total;
static unsigned progress_calls;

static void progress(void *ctx, const char *name, uint64_t done, uint64_t total)
{
    (void)ctx;
    assert_non_null(name);
    assert_true(done > progress_done && done <= total);
    progress_done = done;
    progress_total = total;
    progress_calls++;
}

/* A guest of 128 MiB and a kernel that wants 3 MiB at 16 MiB. */
static int set_up(void **state)
{
    (void)state;
    guest_memory_open(128 * MIB, 0);
    header = kernel_file_bzimage(&file, 27, PAYLOAD);
    return 0;
}

static int load_with(const struct source *initrd, unsigned initrds, const char *options)
{
    const struct source kernel = kernel_file_source(&file, "/vmlinuz");
    const struct image_request request = {&kernel, initrd, initrds, options, NULL};
    const struct image_env env = {&guest_map, RSDP, progress, NULL};

    memset(&diag, 0, sizeof(diag));
    memset(&image, 0xa5, sizeof(image));
    map_before = guest_map;
    progress_done = progress_total = progress_calls = 0;
    return image_load(&image, &request, &env, &diag);
}

static int load(void)
{
    return load_with(NULL, 0, "console=ttyS0");
}

/* A failure takes no memory. */
static void check_error(int result, int error, const char *words)
{
    if (result != -error) {
        fail_msg("%s (%d) instead of %s: %s", boot_error_name(result), result,
                 boot_error_name(-error), diag.text);
    }
    if (strstr(diag.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", diag.text, words);
    }
    assert_int_equal(image.ranges, 0);
    assert_int_equal(guest_map.count, map_before.count);
    assert_memory_equal(guest_map.range, map_before.range,
                        map_before.count * sizeof(map_before.range[0]));
}

static struct boot_params *params(void)
{
    return (struct boot_params *)(void *)guest_memory(image.boot_data);
}

static void check_range(unsigned index, const char *what, uint64_t base, uint64_t size)
{
    assert_string_equal(image.range[index].what, what);
    assert_int_equal(image.range[index].base, base);
    assert_int_equal(image.range[index].size, size);
}

/* ---- Loading ---- */

static void kernel_goes_to_its_preferred_address(void **state)
{
    (void)state;
    assert_int_equal(load(), 0);
    assert_int_equal(image.kind, IMAGE_LINUX);
    assert_int_equal(image.entry, 0x1000200);
    assert_int_equal(kernel_file_same(&file, 28 * 512, guest_memory(0x1000000), PAYLOAD), PAYLOAD);
    check_range(0, "kernel", 0x1000000, 0x300000);
    assert_string_equal(image.range[1].what, "boot data");
    assert_int_equal(image.ranges, 2);
    assert_true(guest_memory_untouched());
    assert_int_equal(progress_done, PAYLOAD);
    assert_int_equal(progress_total, PAYLOAD);
}

static void boot_params_are_built_from_scratch(void **state)
{
    static const uint8_t zero[4096];
    struct setup_header expected = *header;
    const struct boot_params *p;

    (void)state;
    memset(guest_memory(120 * MIB), 0xee, 8 * MIB); /* what was there before */
    file.data[0x1ef] = 0xff; /* the sentinel: copied, it would tell that too much was */
    assert_int_equal(load(), 0);
    p = params();
    expected.vid_mode = 0xffff;
    expected.type_of_loader = 0xff;
    expected.loadflags = LOADED_HIGH | CAN_USE_HEAP;
    expected.heap_end_ptr = 0xfe00;
    expected.code32_start = 0x1000000;
    expected.cmd_line_ptr = p->hdr.cmd_line_ptr;
    assert_memory_equal(&p->hdr, &expected, sizeof(expected));
    assert_string_equal(guest_memory(p->hdr.cmd_line_ptr), "console=ttyS0");
    assert_int_equal(p->ext_cmd_line_ptr, 0);
    assert_int_equal(p->acpi_rsdp_addr, RSDP);
    /* Nothing else, up to the memory map, is set. */
    assert_memory_equal(p, zero, offsetof(struct boot_params, acpi_rsdp_addr));
    assert_memory_equal(p->_pad3, zero, 0x1f1 - offsetof(struct boot_params, _pad3));
    assert_memory_equal(p->_pad7, zero, 4096 - offsetof(struct boot_params, _pad7));
}

/* 0x0202 + byte value at offset 0x0201 is where the header ends. */
static void header_is_copied_to_its_end(void **state)
{
    (void)state;
    header->handover_offset = 0x12345678; /* at 0x264 */
    header->kernel_info_offset = 0x9abcdef0;
    file.data[0x201] = 0x66; /* ends at 0x268 */
    assert_int_equal(load(), 0);
    assert_int_equal(params()->hdr.handover_offset, 0x12345678);
    assert_int_equal(params()->hdr.kernel_info_offset, 0);
    image_release(&image, &guest_map);
    file.data[0x201] = 0x8e; /* all the room there is */
    file.data[0x28f] = 0x77;
    assert_int_equal(load(), 0);
    assert_int_equal(((uint8_t *)params())[0x28f], 0x77);
}

static void setup_of_no_sectors_has_four(void **state)
{
    (void)state;
    header = kernel_file_bzimage(&file, 0, PAYLOAD);
    assert_int_equal(load(), 0);
    assert_int_equal(kernel_file_same(&file, 5 * 512, guest_memory(0x1000000), PAYLOAD), PAYLOAD);
}

/* A signature may follow the kernel. */
static void bytes_behind_the_kernel_are_left(void **state)
{
    (void)state;
    file.size += 1024;
    assert_int_equal(load(), 0);
    assert_int_equal(progress_total, PAYLOAD);
    assert_int_equal(guest_memory(0x1000000)[PAYLOAD], 0);
}

/* ---- Place ---- */

static void occupied_place_moves_the_kernel_up(void **state)
{
    (void)state;
    assert_int_equal(memory_claim(&guest_map, 0x1200000, 4096, MEMORY_SLATE), 0);
    assert_int_equal(load(), 0);
    check_range(0, "kernel", 0x1400000, 0x300000);
    assert_int_equal(image.entry, 0x1400200);
    assert_int_equal(params()->hdr.code32_start, 0x1400000);
    assert_int_equal(params()->hdr.kernel_alignment, 0x200000);
}

/* A kernel below its preferred address would move itself up, over memory that is not its own. */
static void kernel_never_goes_below_its_preferred_address(void **state)
{
    (void)state;
    guest_memory_open(18 * MIB, 0);
    check_error(load(), BOOT_E_NO_MEMORY, "/vmlinuz: the kernel needs 3072 KiB");
}

static void smaller_alignment_is_a_last_resort(void **state)
{
    (void)state;
    header->min_alignment = 16;
    guest_memory_open(0x1340000, 0);
    assert_int_equal(memory_claim(&guest_map, 0x1000000, 0x1000, MEMORY_SLATE), 0);
    assert_int_equal(load(), 0);
    check_range(0, "kernel", 0x1040000, 0x300000);
    assert_int_equal(params()->hdr.kernel_alignment, 0x40000);
    image_release(&image, &guest_map);
    header->min_alignment = 19;
    check_error(load(), BOOT_E_NO_MEMORY, "the kernel needs");
}

static void fixed_kernel_gets_its_address_or_nothing(void **state)
{
    (void)state;
    header->relocatable_kernel = 0;
    header->kernel_alignment = 0; /* says nothing then */
    assert_int_equal(load(), 0);
    assert_int_equal(image.entry, 0x1000200);
    image_release(&image, &guest_map);
    assert_int_equal(memory_claim(&guest_map, 0x1200000, 4096, MEMORY_SLATE), 0);
    check_error(load(), BOOT_E_NO_MEMORY, "not relocatable: needs 3072 KiB at 0x1000000");
    header->pref_address = 0x1000100;
    check_error(load(), BOOT_E_NOT_KERNEL, "pref_address is 0x1000100");
}

static void too_large_a_kernel_is_refused_before_reading(void **state)
{
    (void)state;
    header->init_size = 200 << 20;
    check_error(load(), BOOT_E_NO_MEMORY,
                "the kernel needs 204800 KiB of memory in one piece from 0x1000000 to 0x100000000; "
                "the largest there has 114688 KiB, and 130684 KiB are free in all");
    assert_int_equal(progress_calls, 0);
    header->init_size = 0xffffffff;
    check_error(load(), BOOT_E_NO_MEMORY, "the kernel needs");
    header->init_size = 0x300000;
    header->pref_address = 0xfffffffffffff000;
    check_error(load(), BOOT_E_NO_MEMORY, "the kernel needs");
    /* Memory that goes on beyond 4 GiB, where a kernel is not entered. */
    guest_memory_open(128 * MIB, 32 * MIB);
    header->pref_address = 0xffe00000;
    assert_int_equal(memory_add(&guest_map, 0xff000000, 16 * MIB, MEMORY_USABLE, &diag), 0);
    check_error(load(), BOOT_E_NO_MEMORY, "the kernel needs");
}

/* The file may be larger than what the kernel says it needs. */
static void payload_always_has_room(void **state)
{
    (void)state;
    header->init_size = 0x1000;
    assert_int_equal(load(), 0);
    check_range(0, "kernel", 0x1000000, 0xfc000);
}

static void memory_out_of_reach_is_an_error(void **state)
{
    (void)state;
    guest_mapped_end = 0x1080000;
    check_error(load(), BOOT_E_PLATFORM,
                "the memory at 0x1000000 (1032192 bytes) cannot be mapped");
}

/* ---- Initrds ---- */

static void initrds_are_joined_at_multiples_of_four(void **state)
{
    struct source initrd[3];
    const uint8_t *at;

    (void)state;
    source_memory(&initrd[0], "abcde", 5, "/a");
    source_memory(&initrd[1], "", 0, "/empty");
    source_memory(&initrd[2], "XYZ", 3, "/b");
    memset(guest_memory(120 * MIB), 0xee, 8 * MIB); /* what was there before */
    assert_int_equal(load_with(initrd, 3, ""), 0);
    assert_int_equal(params()->hdr.ramdisk_size, 11);
    assert_int_equal(params()->hdr.ramdisk_image, 128 * MIB - 4096);
    at = guest_memory(params()->hdr.ramdisk_image);
    assert_memory_equal(at, "abcde\0\0\0XYZ", 11);
    assert_int_equal(at[11], 0xee);
    check_range(1, "initrd", 128 * MIB - 4096, 4096);
    assert_string_equal(guest_memory(params()->hdr.cmd_line_ptr), "");
    assert_int_equal(progress_total, PAYLOAD + 8);
    assert_int_equal(progress_done, PAYLOAD + 8);
}

static void initrd_keeps_to_the_kernels_limit(void **state)
{
    struct source initrd;

    (void)state;
    source_memory(&initrd, "abc", 3, "/a");
    header->initrd_addr_max = 0x3ffffff;
    assert_int_equal(load_with(&initrd, 1, ""), 0);
    assert_int_equal(params()->hdr.ramdisk_image, 64 * MIB - 4096);
    image_release(&image, &guest_map);
    header->initrd_addr_max = 0x1ffffe; /* not even this byte more */
    header->xloadflags = XLF_KERNEL_64;
    assert_int_equal(load_with(&initrd, 1, ""), 0);
    assert_int_equal(params()->hdr.ramdisk_image, 2 * MIB - 8192);
    image_release(&image, &guest_map);
    header->initrd_addr_max = 0x100000;
    check_error(load_with(&initrd, 1, ""), BOOT_E_NO_MEMORY, "initrd: the initrd needs 1 KiB");
}

static int read_large(const struct source *source, uint64_t offset, void *buffer, size_t length,
                      struct diag *d)
{
    (void)source;
    (void)d;
    memset(buffer, 0, length);
    ((uint8_t *)buffer)[0] = (uint8_t)(offset >> 20);
    return 0;
}

/* What does not fit below goes above 4 GiB, if the kernel can do that. */
static void large_initrd_goes_above_4_gib(void **state)
{
    const struct source initrd = {.name = "/big", .size = 40 * MIB, .read = read_large};

    (void)state;
    guest_memory_open(48 * MIB, 48 * MIB);
    assert_int_equal(load_with(&initrd, 1, ""), 0);
    assert_int_equal(params()->hdr.ramdisk_image, 8 * MIB);
    assert_int_equal(params()->ext_ramdisk_image, 1);
    assert_int_equal(params()->hdr.ramdisk_size, 40 * MIB);
    assert_int_equal(params()->ext_ramdisk_size, 0);
    check_range(1, "initrd", (1ull << 32) + 8 * MIB, 40 * MIB);
    assert_int_equal(guest_memory((1ull << 32) + 40 * MIB)[0], 32); /* read in pieces of 8 MiB */
    assert_int_equal(progress_calls, 1 + 5);
    image_release(&image, &guest_map);
    header->xloadflags = XLF_KERNEL_64;
    check_error(load_with(&initrd, 1, ""), BOOT_E_NO_MEMORY, "initrd: the initrd needs 40960 KiB");
}

static void absurd_initrd_sizes_are_refused(void **state)
{
    const struct source one = {.name = "/big", .size = UINT64_MAX, .read = read_large};
    const struct source two[2] = {
        {.name = "/big", .size = UINT64_MAX / 2 - 8, .read = read_large},
        {.name = "/big", .size = UINT64_MAX / 2 - 8, .read = read_large},
    };

    (void)state;
    check_error(load_with(&one, 1, ""), BOOT_E_NO_MEMORY, "/big: its size");
    check_error(load_with(two, 1, ""), BOOT_E_NO_MEMORY, "the initrd needs");
    check_error(load_with(two, 2, ""), BOOT_E_NO_MEMORY, "/big: its size");
}

static int read_fails(const struct source *source, uint64_t offset, void *buffer, size_t length,
                      struct diag *d)
{
    (void)offset;
    (void)buffer;
    (void)length;
    return diag_fail(d, -BOOT_E_IO, "%s: the disk is ill", source->name);
}

static void failed_read_gives_the_memory_back(void **state)
{
    const struct source initrd = {.name = "/i", .size = 100, .read = read_fails};

    (void)state;
    check_error(load_with(&initrd, 1, ""), BOOT_E_IO, "/i: the disk is ill");
    assert_int_equal(progress_calls, 1);
}

/* ---- The command line ---- */

static void command_line_has_the_kernels_limit(void **state)
{
    static char line[4096];

    (void)state;
    memset(line, 'x', 2047);
    assert_int_equal(load_with(NULL, 0, line), 0);
    assert_string_equal(guest_memory(params()->hdr.cmd_line_ptr), line);
    image_release(&image, &guest_map);
    line[2047] = 'x';
    check_error(load_with(NULL, 0, line), BOOT_E_CONFIG,
                "the command line has 2048 bytes; this kernel takes at most 2047");
    header->cmdline_size = 0;
    line[256] = '\0';
    check_error(load_with(NULL, 0, line), BOOT_E_CONFIG, "at most 255");
}

/* ---- What is refused ---- */

static void kernels_of_other_kinds_are_refused(void **state)
{
    (void)state;
    header->version = 0x20b;
    check_error(load(), BOOT_E_NOT_KERNEL, "Linux boot protocol 2.11; 2.12");
    set_up(state);
    header->loadflags = 0;
    check_error(load(), BOOT_E_NOT_KERNEL, "a zImage");
    set_up(state);
    header->xloadflags = XLF_CAN_BE_LOADED_ABOVE_4G;
    check_error(load(), BOOT_E_NOT_KERNEL, "a 32-bit kernel");
    set_up(state);
    header->header = 0;
    check_error(load(), BOOT_E_NOT_KERNEL, "/vmlinuz: not a kernel");
    set_up(state);
    header->boot_flag = 0;
    check_error(load(), BOOT_E_NOT_KERNEL, "/vmlinuz: not a kernel");
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    file.data[0x201] = 0x61; /* before the end of init_size */
    check_error(load(), BOOT_E_NOT_KERNEL, "the setup header ends at 0x263");
    file.data[0x201] = 0x8f; /* into the next field of boot_params */
    check_error(load(), BOOT_E_NOT_KERNEL, "the setup header ends at 0x291");
    set_up(state);
    header->kernel_alignment = 0x300000;
    check_error(load(), BOOT_E_NOT_KERNEL, "kernel_alignment is 0x300000");
    header->kernel_alignment = 0;
    check_error(load(), BOOT_E_NOT_KERNEL, "kernel_alignment is 0x0");
    set_up(state);
    header->min_alignment = 32;
    check_error(load(), BOOT_E_NOT_KERNEL, "min_alignment 32");
    set_up(state);
    header->syssize = 0;
    check_error(load(), BOOT_E_NOT_KERNEL, "0 bytes of kernel (syssize)");
    header->syssize = 32; /* ends where the entry is */
    check_error(load(), BOOT_E_NOT_KERNEL, "512 bytes of kernel (syssize)");
}

static void truncated_kernels_are_refused(void **state)
{
    (void)state;
    file.size--;
    check_error(load(), BOOT_E_TRUNCATED, "1046527 bytes, but its setup header announces 1046528");
    assert_int_equal(progress_calls, 0);
    header->syssize = 0xffffffff;
    check_error(load(), BOOT_E_TRUNCATED, "announces 68719491056");
    file.size = 0x28f;
    check_error(load(), BOOT_E_TRUNCATED, "setup header");
    file.size = 0x206;
    check_error(load(), BOOT_E_TRUNCATED, "setup header");
    file.size = 0x205;
    check_error(load(), BOOT_E_NOT_KERNEL, "not a kernel");
}

/* ---- The memory map ---- */

/* Splits the memory up, by turns usable and reserved, until the map has `count` entries. */
static void split_memory(unsigned count)
{
    struct diag d = {0};

    for (uint64_t at = 64 * MIB; guest_map.count < count; at += 0x2000) {
        assert_int_equal(memory_mark(&guest_map, at, 0x1000, MEMORY_RESERVED, &d), 0);
    }
}

/* What an OS reads: the table, then the setup_data node. */
static void check_map(void)
{
    static struct memory_e820 expected[MEMORY_RANGES_MAX];
    const struct boot_params *p = params();
    const int count = memory_e820(&guest_map, expected, MEMORY_RANGES_MAX);
    const struct setup_data *node;

    assert_true(count > 0);
    for (int i = 0; i < count && i < 128; i++) {
        assert_int_equal(p->e820_table[i].addr, expected[i].base);
        assert_int_equal(p->e820_table[i].size, expected[i].size);
        assert_int_equal(p->e820_table[i].type, expected[i].type);
    }
    assert_int_equal(p->e820_entries, count < 128 ? count : 128);
    if (count <= 128) {
        assert_int_equal(p->hdr.setup_data, 0);
        return;
    }
    node = (const struct setup_data *)(const void *)guest_memory(p->hdr.setup_data);
    assert_int_equal(node->next, 0);
    assert_int_equal(node->type, SETUP_E820_EXT);
    assert_int_equal(node->len, (size_t)(count - 128) * sizeof(struct boot_e820_entry));
    assert_memory_equal(node->data, &expected[128], node->len);
}

static void memory_map_is_that_of_the_last_moment(void **state)
{
    (void)state;
    header->setup_data = 0x1234; /* of the file; it would be a wild pointer */
    assert_int_equal(load(), 0);
    assert_int_equal(params()->e820_entries, 0);
    assert_int_equal(memory_mark(&guest_map, 80 * MIB, 0x3000, MEMORY_QUARANTINE, &diag), 0);
    assert_int_equal(image_finish(&image, &guest_map, &diag), 0);
    check_map();
    assert_int_equal(params()->e820_entries, 5); /* loaded and Slate's own memory is usable */
    assert_int_equal(params()->e820_table[3].addr, 80 * MIB);
    assert_int_equal(params()->e820_table[3].type, 2);
    assert_string_equal(guest_memory(params()->hdr.cmd_line_ptr), "console=ttyS0");
    assert_true(guest_memory_untouched());
}

static void long_memory_maps_continue_in_setup_data(void **state)
{
    static const unsigned counts[] = {128, 129, 200, MEMORY_RANGES_MAX};

    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        set_up(state);
        assert_int_equal(load(), 0);
        split_memory(counts[i]);
        assert_int_equal(image_finish(&image, &guest_map, &diag), 0);
        check_map();
        assert_string_equal(guest_memory(params()->hdr.cmd_line_ptr), "console=ttyS0");
    }
}

static void released_memory_is_free_again(void **state)
{
    (void)state;
    map_before = guest_map;
    assert_int_equal(load(), 0);
    image_release(&image, &guest_map);
    assert_int_equal(image.ranges, 0);
    assert_int_equal(guest_map.count, map_before.count);
    assert_memory_equal(guest_map.range, map_before.range,
                        map_before.count * sizeof(map_before.range[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(kernel_goes_to_its_preferred_address, set_up),
        cmocka_unit_test_setup(boot_params_are_built_from_scratch, set_up),
        cmocka_unit_test_setup(header_is_copied_to_its_end, set_up),
        cmocka_unit_test_setup(setup_of_no_sectors_has_four, set_up),
        cmocka_unit_test_setup(bytes_behind_the_kernel_are_left, set_up),
        cmocka_unit_test_setup(occupied_place_moves_the_kernel_up, set_up),
        cmocka_unit_test_setup(kernel_never_goes_below_its_preferred_address, set_up),
        cmocka_unit_test_setup(smaller_alignment_is_a_last_resort, set_up),
        cmocka_unit_test_setup(fixed_kernel_gets_its_address_or_nothing, set_up),
        cmocka_unit_test_setup(too_large_a_kernel_is_refused_before_reading, set_up),
        cmocka_unit_test_setup(payload_always_has_room, set_up),
        cmocka_unit_test_setup(memory_out_of_reach_is_an_error, set_up),
        cmocka_unit_test_setup(initrds_are_joined_at_multiples_of_four, set_up),
        cmocka_unit_test_setup(initrd_keeps_to_the_kernels_limit, set_up),
        cmocka_unit_test_setup(large_initrd_goes_above_4_gib, set_up),
        cmocka_unit_test_setup(absurd_initrd_sizes_are_refused, set_up),
        cmocka_unit_test_setup(failed_read_gives_the_memory_back, set_up),
        cmocka_unit_test_setup(command_line_has_the_kernels_limit, set_up),
        cmocka_unit_test_setup(kernels_of_other_kinds_are_refused, set_up),
        cmocka_unit_test_setup(contradictions_are_refused, set_up),
        cmocka_unit_test_setup(truncated_kernels_are_refused, set_up),
        cmocka_unit_test_setup(memory_map_is_that_of_the_last_moment, set_up),
        cmocka_unit_test_setup(long_memory_maps_continue_in_setup_data, set_up),
        cmocka_unit_test_setup(released_memory_is_free_again, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
