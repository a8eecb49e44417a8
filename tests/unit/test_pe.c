/* SPDX-License-Identifier: BSD-2-Clause */
/* The section table of PE files: what is found, and that no header leads out of the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/pe.h"
#include "tests/unit/support/kernel_file.h"

static struct kernel_file file;
static struct pe pe;
static struct diag diag;

static int read_file(void)
{
    const struct source source = kernel_file_source(&file, "a.efi");

    memset(&diag, 0, sizeof(diag));
    return pe_read(&pe, &source, &diag);
}

static void check_error(int error, const char *words)
{
    assert_int_equal(read_file(), -error);
    assert_int_equal(pe.count, 0);
    if (strstr(diag.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", diag.text, words);
    }
}

static void put32(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, sizeof(value));
}

static void sections_are_listed(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    kernel_file_section(&file, ".text", "code", 4);
    kernel_file_section(&file, ".cmdline", "quiet", 5); /* 8 bytes: no terminator in the file */
    assert_int_equal(read_file(), 0);
    assert_int_equal(pe.count, 2);
    assert_string_equal(pe.section[0].name, ".text");
    assert_string_equal(pe.section[1].name, ".cmdline");
    assert_int_equal(pe.section[0].offset, 0x1000);
    assert_int_equal(pe.section[1].offset, 0x1200);
    assert_int_equal(pe.section[1].size, 5);
}

/* Memory beyond the file's part is zero, and the file's part is padded: the content is the smaller. */
static void content_is_what_file_and_memory_share(void **state)
{
    uint8_t *entry;

    (void)state;
    kernel_file_pe(&file);
    entry = kernel_file_section(&file, ".linux", "abc", 3);
    put32(entry + 8, 100000);
    assert_int_equal(read_file(), 0);
    assert_int_equal(pe.section[0].size, 512);
    put32(entry + 8, 0); /* the size in memory is not known */
    assert_int_equal(read_file(), 0);
    assert_int_equal(pe.section[0].size, 512);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    file.data[1] = 'X';
    check_error(BOOT_E_NOT_KERNEL, "does not start with MZ");
    kernel_file_pe(&file);
    file.data[0x80] = 'N';
    check_error(BOOT_E_NOT_KERNEL, "no PE signature at offset 0x80");
    kernel_file_pe(&file);
    file.data[0x84] = 0x4c; /* i386 */
    file.data[0x85] = 0x01;
    check_error(BOOT_E_NOT_KERNEL, "PE machine 0x14c");
    kernel_file_pe(&file);
    file.data[0x98] = 0x0b; /* PE32 */
    file.data[0x99] = 0x01;
    check_error(BOOT_E_NOT_KERNEL, "magic 0x10b");
    assert_true(pe_is((const uint8_t *)"MZ", 2));
    assert_false(pe_is((const uint8_t *)"MZ", 1));
    assert_false(pe_is((const uint8_t *)"ZM", 2));
}

static void headers_must_be_in_the_file(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    file.size = 0x3f;
    check_error(BOOT_E_TRUNCATED, "MZ header");
    kernel_file_pe(&file);
    put32(file.data + 0x3c, 0xfffffff0);
    check_error(BOOT_E_TRUNCATED, "PE header");
    kernel_file_pe(&file);
    file.size = 0x80 + 25;
    check_error(BOOT_E_TRUNCATED, "PE header");
    kernel_file_pe(&file);
    kernel_file_section(&file, ".text", "x", 1);
    file.data[0x94] = 0xff; /* SizeOfOptionalHeader */
    file.data[0x95] = 0xff;
    check_error(BOOT_E_TRUNCATED, "section table");
}

static void sections_must_be_in_the_file(void **state)
{
    uint8_t *entry;

    (void)state;
    kernel_file_pe(&file);
    entry = kernel_file_section(&file, ".linux", "abcdef", 6);
    file.size = 0x1006;
    assert_int_equal(read_file(), 0);
    file.size = 0x1005;
    check_error(BOOT_E_TRUNCATED, "section .linux has 6 bytes at offset 4096; the file has 4101");
    put32(entry + 20, 0xffffffff);
    put32(entry + 8, 0xffffffff);
    put32(entry + 16, 0xffffffff);
    check_error(BOOT_E_TRUNCATED, "section .linux");
    put32(entry + 16, 0); /* nothing in the file: it cannot be outside */
    assert_int_equal(read_file(), 0);
    assert_int_equal(pe.section[0].size, 0);
}

static void sections_have_a_limit(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    file.data[0x86] = PE_SECTIONS_MAX;
    file.size = 0x2000;
    assert_int_equal(read_file(), 0);
    assert_int_equal(pe.count, PE_SECTIONS_MAX);
    file.data[0x86] = PE_SECTIONS_MAX + 1;
    check_error(BOOT_E_NOT_KERNEL, "97 PE sections; the limit is 96");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_listed),
        cmocka_unit_test(content_is_what_file_and_memory_share),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(headers_must_be_in_the_file),
        cmocka_unit_test(sections_must_be_in_the_file),
        cmocka_unit_test(sections_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
