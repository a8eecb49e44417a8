/* SPDX-License-Identifier: BSD-2-Clause */
/* What kind of image a file is, and what a unified kernel image adds to a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/image.h"
#include "tests/unit/support/guest_memory.h"
#include "tests/unit/support/kernel_file.h"

#define MIB (1ull << 20)

static struct kernel_file file;
static struct kernel_file inner; /* the kernel inside a unified kernel image */
static struct image image;
static struct diag diag;

static int set_up(void **state)
{
    (void)state;
    guest_memory_open(128 * MIB, 0);
    return 0;
}

static int load(const struct source *initrd, unsigned initrds, const char *options,
                const char *append)
{
    const struct source kernel = kernel_file_source(&file, "/k");
    const struct image_request request = {&kernel, initrd, initrds, options, append};
    const struct image_env env = {&guest_map, 0, NULL, NULL};

    memset(&diag, 0, sizeof(diag));
    return image_load(&image, &request, &env, &diag);
}

static void check_error(int error, const char *words)
{
    const int result = load(NULL, 0, "", "");

    if (result != -error) {
        fail_msg("%s (%d) instead of %s: %s", boot_error_name(result), result,
                 boot_error_name(-error), diag.text);
    }
    if (strstr(diag.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", diag.text, words);
    }
    assert_int_equal(image.ranges, 0);
}

static struct boot_params *params(void)
{
    return (struct boot_params *)(void *)guest_memory(image.boot_data);
}

static void check_command_line(const char *options, const char *append, const char *expected)
{
    assert_int_equal(load(NULL, 0, options, append), 0);
    assert_string_equal(guest_memory(params()->hdr.cmd_line_ptr), expected);
    image_release(&image, &guest_map);
}

static void section(const char *name, const char *content)
{
    kernel_file_section(&file, name, content, (uint32_t)strlen(content));
}

/* A unified kernel image around the kernel in `inner`. */
static void make_uki(void)
{
    kernel_file_pe(&file);
    section(".text", "stub");
    kernel_file_section(&file, ".linux", inner.data, (uint32_t)inner.size);
}

static void content_decides(void **state)
{
    (void)state;
    kernel_file_bzimage(&file, 4, 0x4000);
    assert_int_equal(load(NULL, 0, "", ""), 0);
    assert_int_equal(image.kind, IMAGE_LINUX);
    image_release(&image, &guest_map);
    kernel_file_elf64(&file);
    assert_int_equal(load(NULL, 0, "", ""), 0);
    assert_int_equal(image.kind, IMAGE_PVH);
}

/* A kernel with an EFI stub is a PE file without .linux; as a bzImage it needs no UEFI. */
static void bzimage_with_efi_stub_is_a_bzimage(void **state)
{
    struct setup_header *header;
    static struct kernel_file pe;

    (void)state;
    kernel_file_pe(&pe);
    header = kernel_file_bzimage(&file, 4, 0x4000);
    memcpy(file.data, pe.data, 0x1f1);
    assert_int_equal(load(NULL, 0, "", ""), 0);
    assert_int_equal(image.kind, IMAGE_LINUX);
    image_release(&image, &guest_map);
    header->boot_flag = 0;
    check_error(BOOT_E_NEEDS_UEFI, "/k: a UEFI program without a kernel in it");
}

static void other_files_are_named(void **state)
{
    (void)state;
    memset(&file, 0, sizeof(file));
    check_error(BOOT_E_NOT_KERNEL, "/k: not a kernel: it is empty");
    file.size = 4096;
    check_error(BOOT_E_NOT_KERNEL, "/k: not a kernel: expected is a Linux bzImage");
    file.size = 1;
    check_error(BOOT_E_NOT_KERNEL, "expected is a Linux bzImage");
    file.size = 4096;
    memcpy(file.data, "\x1f\x8b\x08", 3);
    check_error(BOOT_E_NOT_KERNEL, "it is gzip-compressed");
    file.data[0] = 0;
    memcpy(file.data + 56, "ARM\x64", 4);
    check_error(BOOT_E_NOT_KERNEL, "it is a kernel for arm64");
    memcpy(file.data + 56, "RSC\x05", 4);
    check_error(BOOT_E_NOT_KERNEL, "it is a kernel for RISC-V");
}

static void uki_brings_kernel_initrds_and_command_line(void **state)
{
    struct source extra[2];

    (void)state;
    kernel_file_bzimage(&inner, 4, 0x4000);
    make_uki();
    section(".cmdline", "root=/dev/vda quiet\n");
    section(".initrd", "initrd");
    section(".ucode", "ucode");
    source_memory(&extra[0], "one", 3, "/one");
    source_memory(&extra[1], "two", 3, "/two");
    assert_int_equal(load(extra, 2, NULL, NULL), 0);
    assert_int_equal(image.kind, IMAGE_LINUX);
    assert_int_equal(image.entry, 0x1000200);
    assert_int_equal(kernel_file_same(&inner, 5 * 512, guest_memory(0x1000000), 0x4000), 0x4000);
    assert_int_equal(params()->hdr.ramdisk_size, 23);
    assert_memory_equal(guest_memory(params()->hdr.ramdisk_image), "ucode\0\0\0initrd\0\0one\0two",
                        23);
    assert_string_equal(guest_memory(params()->hdr.cmd_line_ptr), "root=/dev/vda quiet");
    assert_true(guest_memory_untouched());
}

static void options_replace_and_append_adds(void **state)
{
    (void)state;
    kernel_file_bzimage(&inner, 4, 0x4000);
    make_uki();
    section(".cmdline", "own");
    check_command_line(NULL, NULL, "own");
    check_command_line("", "", "own");
    check_command_line("", "more", "own more");
    check_command_line("given", "", "given");
    check_command_line("given", "more", "given more");
    kernel_file_bzimage(&file, 4, 0x4000);
    check_command_line(NULL, NULL, "");
    check_command_line(NULL, "more", "more");
    check_command_line("given", "more", "given more");
}

static void uki_may_hold_an_elf_file(void **state)
{
    (void)state;
    kernel_file_elf64(&inner);
    make_uki();
    assert_int_equal(load(NULL, 0, "", ""), 0);
    assert_int_equal(image.kind, IMAGE_PVH);
    assert_int_equal(kernel_file_same(&inner, 0x1000, guest_memory(0x1000000), 0x3000), 0x3000);
}

static void uki_in_a_uki_is_refused(void **state)
{
    (void)state;
    kernel_file_pe(&inner);
    kernel_file_section(&inner, ".linux", "k", 1);
    make_uki();
    check_error(BOOT_E_NEEDS_UEFI, "/k (.linux): a UEFI program inside a unified kernel image");
    memset(inner.data, 0, 2);
    make_uki();
    check_error(BOOT_E_NOT_KERNEL, "/k (.linux): not a kernel");
}

static void truncated_kernel_in_a_uki_is_found(void **state)
{
    (void)state;
    kernel_file_bzimage(&inner, 4, 0x4000);
    inner.size -= 512;
    make_uki();
    section(".initrd", "bytes behind it are not the kernel's");
    check_error(BOOT_E_TRUNCATED, "/k (.linux): 18432 bytes, but its setup header announces 18944");
}

static void long_command_lines_are_refused(void **state)
{
    static char line[IMAGE_COMMAND_LINE_MAX + 1];

    (void)state;
    kernel_file_elf64(&file); /* without a limit of its own */
    memset(line, 'x', IMAGE_COMMAND_LINE_MAX - 1);
    assert_int_equal(load(NULL, 0, line, ""), 0);
    image_release(&image, &guest_map);
    assert_int_equal(load(NULL, 0, line, "y"), -BOOT_E_CONFIG);
    assert_non_null(strstr(diag.text, "the command line has more than 16383 bytes"));
    line[IMAGE_COMMAND_LINE_MAX - 1] = 'x';
    assert_int_equal(load(NULL, 0, line, ""), -BOOT_E_CONFIG);
    line[IMAGE_COMMAND_LINE_MAX - 3] = '\0';
    assert_int_equal(load(NULL, 0, line, "y"), 0); /* a space and one letter fit */
    image_release(&image, &guest_map);
    assert_int_equal(load(NULL, 0, line, "yy"), -BOOT_E_CONFIG);
}

static void many_initrds_are_refused(void **state)
{
    struct source initrd[17];

    (void)state;
    for (unsigned i = 0; i < 17; i++) {
        source_memory(&initrd[i], "abc", 3, "/i");
    }
    kernel_file_bzimage(&inner, 4, 0x4000);
    make_uki();
    section(".initrd", "initrd");
    section(".ucode", "ucode");
    assert_int_equal(load(initrd, 16, "", ""), 0);
    assert_int_equal(params()->hdr.ramdisk_size, 8 + 8 + 15 * 4 + 3);
    image_release(&image, &guest_map);
    assert_int_equal(load(initrd, 17, "", ""), -BOOT_E_CONFIG);
    assert_non_null(strstr(diag.text, "17 initrds; at most 16"));
}

/* What a device may still write must not be what was loaded: the list of ranges is complete. */
static void ranges_cover_what_was_loaded(void **state)
{
    struct source initrd;
    uint64_t listed = 0, loaded = 0;

    (void)state;
    source_memory(&initrd, "abc", 3, "/i");
    kernel_file_bzimage(&file, 4, 0x4000);
    assert_int_equal(load(&initrd, 1, "", ""), 0);
    for (unsigned i = 0; i < image.ranges; i++) {
        assert_int_equal(image.range[i].base % 4096, 0);
        assert_int_equal(image.range[i].size % 4096, 0);
        listed += image.range[i].size;
    }
    for (unsigned i = 0; i < guest_map.count; i++) {
        loaded += guest_map.range[i].type == MEMORY_LOADED ? guest_map.range[i].size : 0;
    }
    assert_int_equal(image.ranges, 3);
    assert_int_equal(listed, loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(content_decides, set_up),
        cmocka_unit_test_setup(bzimage_with_efi_stub_is_a_bzimage, set_up),
        cmocka_unit_test_setup(other_files_are_named, set_up),
        cmocka_unit_test_setup(uki_brings_kernel_initrds_and_command_line, set_up),
        cmocka_unit_test_setup(options_replace_and_append_adds, set_up),
        cmocka_unit_test_setup(uki_may_hold_an_elf_file, set_up),
        cmocka_unit_test_setup(uki_in_a_uki_is_refused, set_up),
        cmocka_unit_test_setup(truncated_kernel_in_a_uki_is_found, set_up),
        cmocka_unit_test_setup(long_command_lines_are_refused, set_up),
        cmocka_unit_test_setup(many_initrds_are_refused, set_up),
        cmocka_unit_test_setup(ranges_cover_what_was_loaded, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
