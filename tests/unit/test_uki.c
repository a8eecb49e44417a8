/* SPDX-License-Identifier: BSD-2-Clause */
/* Unified kernel images (UAPI.5): their parts, their command line, their entry in the menu (UAPI.1, "Type #2"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/diag.h"
#include "boot/entries.h"
#include "boot/error.h"
#include "boot/uki.h"
#include "tests/unit/support/kernel_file.h"

static struct kernel_file file;
static struct source source;
static struct uki uki;
static struct diag diag;
static char line[UKI_COMMAND_LINE_MAX];

static void section(const char *name, const char *content)
{
    kernel_file_section(&file, name, content, (uint32_t)strlen(content));
}

static int read_file(void)
{
    source = kernel_file_source(&file, "/EFI/Linux/a.efi");
    memset(&diag, 0, sizeof(diag));
    return uki_read(&uki, &source, &diag);
}

static void check_error(int result, int error, const char *words)
{
    assert_int_equal(result, -error);
    if (strstr(diag.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", diag.text, words);
    }
}

static void check_part(const struct source *part, const char *content)
{
    char found[256] = "";

    assert_int_equal(part->size, strlen(content));
    assert_int_equal(source_read(part, 0, found, strlen(content), "part", &diag), 0);
    assert_string_equal(found, content);
}

static void parts_are_found(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    section(".text", "stub");
    section(".ucode", "microcode");
    section(".osrel", "ID=debian");
    section(".cmdline", "quiet");
    section(".initrd", "the initrd");
    section(".uname", "6.1.0");
    section(".linux", "the kernel");
    assert_int_equal(read_file(), 0);
    check_part(&uki.kernel, "the kernel");
    check_part(&uki.initrd, "the initrd");
    check_part(&uki.microcode, "microcode");
    check_part(&uki.command_line, "quiet");
    check_part(&uki.os_release, "ID=debian");
    check_part(&uki.release, "6.1.0");
    assert_string_equal(uki.kernel.name, "/EFI/Linux/a.efi (.linux)");
}

static void only_the_kernel_is_needed(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    section(".linux", "k");
    assert_int_equal(read_file(), 0);
    assert_int_equal(uki.initrd.size, 0);
    assert_int_equal(uki.command_line.size, 0);
}

static void program_without_kernel_needs_uefi(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    section(".text", "a boot loader");
    section(".linuxx", "k");
    check_error(read_file(), BOOT_E_NEEDS_UEFI, "without a kernel in it");
    kernel_file_pe(&file);
    section(".linux", "");
    check_error(read_file(), BOOT_E_NEEDS_UEFI, "without a kernel in it");
}

static void part_twice_is_refused(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    section(".linux", "k");
    section(".initrd", "one");
    section(".initrd", "two");
    check_error(read_file(), BOOT_E_NOT_KERNEL, "section .initrd is there twice");
}

/* "Multi-Profile UKIs": the first profile counts, over what holds for all; later ones do not. */
static void first_profile_is_taken(void **state)
{
    (void)state;
    kernel_file_pe(&file);
    section(".linux", "kernel");
    section(".cmdline", "base");
    section(".initrd", "initrd");
    section(".profile", "ID=regular");
    section(".cmdline", "regular");
    section(".profile", "ID=factory-reset");
    section(".cmdline", "reset");
    section(".initrd", "reset");
    section(".initrd", "twice, but of no concern");
    assert_int_equal(read_file(), 0);
    check_part(&uki.kernel, "kernel");
    check_part(&uki.command_line, "regular");
    check_part(&uki.initrd, "initrd");
    kernel_file_pe(&file);
    section(".linux", "kernel");
    section(".profile", "ID=regular");
    section(".cmdline", "one");
    section(".cmdline", "two");
    check_error(read_file(), BOOT_E_NOT_KERNEL, "section .cmdline is there twice");
}

/* ---- The command line ---- */

static void check_line(const char *content, size_t size, const char *expected)
{
    kernel_file_pe(&file);
    section(".linux", "k");
    kernel_file_section(&file, ".cmdline", content, (uint32_t)size);
    assert_int_equal(read_file(), 0);
    assert_int_equal(uki_command_line(&uki, line, &diag), 0);
    assert_string_equal(line, expected);
}

static void command_line_is_one_line(void **state)
{
    (void)state;
    check_line("root=/dev/vda quiet", 19, "root=/dev/vda quiet");
    check_line("  root=/dev/vda\nquiet\n", 22, "root=/dev/vda quiet");
    check_line("a\0b", 3, "a");
    check_line("a\0\0\0", 4, "a");
    check_line(" \n\t", 3, "");
    check_line("\0", 1, "");
    check_line("caf\xc3\xa9", 5, "caf\xc3\xa9");
    kernel_file_pe(&file);
    section(".linux", "k");
    assert_int_equal(read_file(), 0);
    assert_int_equal(uki_command_line(&uki, line, &diag), 0);
    assert_string_equal(line, "");
}

static void long_command_line_is_refused(void **state)
{
    static char text[UKI_COMMAND_LINE_MAX];

    (void)state;
    memset(text, 'x', sizeof(text));
    kernel_file_pe(&file);
    section(".linux", "k");
    kernel_file_section(&file, ".cmdline", text, sizeof(text));
    assert_int_equal(read_file(), 0);
    check_error(uki_command_line(&uki, line, &diag), BOOT_E_CONFIG, "the limit is 16383");
    text[sizeof(text) - 1] = '\0';
    check_line(text, sizeof(text) - 1, text);
}

/* ---- The entry ---- */

static void check_entry(const char *os_release, const char *release, const char *title,
                        const char *version, const char *sort_key)
{
    struct boot_entry entry;

    kernel_file_pe(&file);
    section(".linux", "k");
    section(".osrel", os_release);
    section(".uname", release);
    assert_int_equal(read_file(), 0);
    assert_int_equal(uki_entry(&uki, "a+3-1.efi", "/EFI/Linux/a+3-1.efi", &entry, &diag), 0);
    assert_string_equal(entry.id, "a");
    assert_string_equal(entry.suffix, ".efi");
    assert_int_equal(entry.tries_left, 3);
    assert_string_equal(entry.kernel, "/EFI/Linux/a+3-1.efi");
    assert_string_equal(entry.options, "");
    assert_string_equal(entry.title, title);
    assert_string_equal(entry.version, version);
    assert_string_equal(entry.sort_key, sort_key);
    boot_entry_free(&entry);
}

static void entry_is_named_by_os_release(void **state)
{
    (void)state;
    check_entry("NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n"
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION=\"12 (bookworm)\"\n",
                "6.1.0-9-amd64\n", "Debian GNU/Linux 12 (bookworm)", "12", "debian");
    check_entry("ID=x\nIMAGE_ID=image\nIMAGE_VERSION=7\nVERSION_ID=1\n", "6.1", "image", "7",
                "image");
    check_entry("", "6.1.0-9-amd64\n", "", "6.1.0-9-amd64", "");
    check_entry("PRETTY_NAME=a\r\nID='b c'\r\nPRETTY=z", "", "a", "", "b c");
    check_entry("# PRETTY_NAME=no\nXPRETTY_NAME=no\nPRETTY_NAME=\nNAME=yes", "", "yes", "", "");
}

static void quotes_are_taken_off(void **state)
{
    (void)state;
    check_entry("PRETTY_NAME=\"say \\\"hi\\\" \\$5\"\nID='a\\b'\nVERSION=one\\ two", "",
                "say \"hi\" $5", "one two", "a\\b");
    check_entry("PRETTY_NAME=\"never closed\nID=\\", "", "never closed", "", "\\");
}

static void long_fields_are_cut(void **state)
{
    static char text[20000];
    char title[128];

    (void)state;
    memcpy(text, "PRETTY_NAME=", 12);
    memset(text + 12, 'x', sizeof(text) - 13); /* longer than what is looked at */
    memset(title, 'x', 127);
    title[127] = '\0';
    check_entry(text, "", title, "", "");
}

static void entry_needs_a_proper_name(void **state)
{
    struct boot_entry entry;

    (void)state;
    kernel_file_pe(&file);
    section(".linux", "k");
    assert_int_equal(read_file(), 0);
    check_error(uki_entry(&uki, "vmlinuz", "/vmlinuz", &entry, &diag), BOOT_E_CONFIG,
                "ends in .conf or .efi");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(only_the_kernel_is_needed),
        cmocka_unit_test(program_without_kernel_needs_uefi),
        cmocka_unit_test(part_twice_is_refused),
        cmocka_unit_test(first_profile_is_taken),
        cmocka_unit_test(command_line_is_one_line),
        cmocka_unit_test(long_command_line_is_refused),
        cmocka_unit_test(entry_is_named_by_os_release),
        cmocka_unit_test(quotes_are_taken_off),
        cmocka_unit_test(long_fields_are_cut),
        cmocka_unit_test(entry_needs_a_proper_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
