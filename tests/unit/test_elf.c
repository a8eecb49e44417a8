/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF programs with a PVH entry, in the words of the C library's <elf.h>; and the start info that they are given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/diag.h"
#include "boot/elf.h"
#include "boot/error.h"
#include "boot/image.h"
#include "boot/start_info.h"
#include "tests/unit/support/guest_memory.h"
#include "tests/unit/support/kernel_file.h"

#define MIB  (1ull << 20)
#define RSDP 0xf5a40u

static struct kernel_file file;
static Elf64_Ehdr *header; /* of the file */
static struct elf elf;
static struct image image;
static struct diag diag;
static struct memory_map map_before;

static int set_up(void **state)
{
    (void)state;
    guest_memory_open(128 * MIB, 0);
    header = kernel_file_elf64(&file);
    return 0;
}

static int read_file(void)
{
    const struct source source = kernel_file_source(&file, "/vmlinux");

    memset(&diag, 0, sizeof(diag));
    return elf_read(&elf, &source, &diag);
}

static void check_says(int result, int error, const char *words)
{
    if (result != -error) {
        fail_msg("%s (%d) instead of %s: %s", boot_error_name(result), result,
                 boot_error_name(-error), diag.text);
    }
    if (strstr(diag.text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", diag.text, words);
    }
}

/* ---- Headers ---- */

static void check_program(void)
{
    assert_int_equal(read_file(), 0);
    assert_int_equal(elf.entry, KERNEL_FILE_ENTRY);
    assert_int_equal(elf.loads, 2);
    assert_int_equal(elf.load[0].address, 0x1000000);
    assert_int_equal(elf.load[0].offset, 0x1000);
    assert_int_equal(elf.load[0].file_size, 0x2000);
    assert_int_equal(elf.load[0].memory_size, 0x2000);
    assert_int_equal(elf.load[1].address, 0x1002000);
    assert_int_equal(elf.load[1].offset, 0x3000);
    assert_int_equal(elf.load[1].file_size, 0x1000);
    assert_int_equal(elf.load[1].memory_size, 0x3000);
}

static void both_classes_are_read(void **state)
{
    (void)state;
    check_program();
    header->e_type = ET_DYN;
    check_program();
    header->e_machine = EM_386;
    check_program();
    kernel_file_elf32(&file);
    check_program();
}

static void segments_are_sorted(void **state)
{
    const Elf64_Phdr first = *kernel_file_segment(&file, 0);

    (void)state;
    *kernel_file_segment(&file, 0) = *kernel_file_segment(&file, 1);
    *kernel_file_segment(&file, 1) = first;
    check_program();
}

static void empty_segments_do_not_count(void **state)
{
    (void)state;
    memmove(file.data + 0x200, file.data + 0x100, 0x28); /* the notes make room */
    kernel_file_segment(&file, 2)->p_offset = 0x200;
    header->e_phnum = 4;
    *kernel_file_segment(&file, 3) = (Elf64_Phdr){.p_type = PT_LOAD, .p_paddr = 0x1000000};
    check_program();
}

static void other_files_are_refused(void **state)
{
    (void)state;
    header->e_machine = EM_AARCH64;
    check_says(read_file(), BOOT_E_NOT_KERNEL,
               "for another machine (class 2, data 1, machine 183)");
    set_up(state);
    header->e_ident[EI_CLASS] = 3;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "for another machine");
    set_up(state);
    header->e_ident[EI_DATA] = ELFDATA2MSB;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "for another machine");
    set_up(state);
    header->e_type = ET_REL;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "ELF type 1");
    assert_true(elf_is(file.data, 64));
    assert_false(elf_is(file.data, 63));
    assert_false(elf_is(file.data + 1, 64));
}

static void program_headers_are_bounded(void **state)
{
    (void)state;
    header->e_phentsize = 55;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "3 program headers of 55 bytes");
    set_up(state);
    header->e_phnum = 0;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "0 program headers");
    header->e_phnum = 65;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "65 program headers");
    set_up(state);
    header->e_phoff = UINT64_MAX - 8;
    check_says(read_file(), BOOT_E_TRUNCATED, "program headers at 18446744073709551607");
    header->e_phoff = file.size - 55;
    check_says(read_file(), BOOT_E_TRUNCATED, "program header");
    set_up(state);
    file.size = 63;
    check_says(read_file(), BOOT_E_TRUNCATED, "ELF header");
}

static void segments_are_checked(void **state)
{
    Elf64_Phdr *segment = kernel_file_segment(&file, 1);

    (void)state;
    file.size--;
    check_says(read_file(), BOOT_E_TRUNCATED, "16383 bytes, but segment 1 is 4096 bytes at 12288");
    set_up(state);
    segment->p_offset = UINT64_MAX;
    check_says(read_file(), BOOT_E_TRUNCATED, "segment 1");
    set_up(state);
    segment->p_memsz = 0xfff;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "4096 bytes in the file and 4095 in memory");
    segment->p_memsz = UINT64_MAX - 0x1000000;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "in memory at 0x1002000");
    set_up(state);
    segment->p_paddr = 0x1001fff;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "segments overlap in memory at 0x1001fff");
    segment->p_paddr = 0x1000000;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "segments overlap");
    segment->p_paddr = UINT64_MAX - 0x1000;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "in memory at 0xffffffffffffefff");
}

static void many_segments_are_refused(void **state)
{
    (void)state;
    header->e_phoff = 0x1000; /* over the content, which does not matter here */
    header->e_phnum = ELF_LOADS_MAX + 1;
    file.size = KERNEL_FILE_MAX;
    for (unsigned i = 0; i <= ELF_LOADS_MAX; i++) {
        const Elf64_Phdr load = {.p_type = PT_LOAD,
                                 .p_offset = 0x1000,
                                 .p_paddr = 0x1000000 + 0x1000 * i,
                                 .p_filesz = 0x1000,
                                 .p_memsz = 0x1000};

        memcpy(file.data + 0x1000 + i * sizeof(load), &load, sizeof(load));
    }
    check_says(read_file(), BOOT_E_NOT_KERNEL, "more than 32 loaded segments");
    header->e_phnum = ELF_LOADS_MAX;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "without a PVH entry");
}

/* ---- The note ---- */

static void program_without_note_is_refused(void **state)
{
    (void)state;
    kernel_file_segment(&file, 2)->p_type = PT_NULL;
    check_says(read_file(), BOOT_E_NOT_KERNEL,
               "without a PVH entry (note XEN_ELFNOTE_PHYS32_ENTRY)");
}

static void only_xens_note_counts(void **state)
{
    static const struct {
        unsigned at;
        uint32_t value;
    } changes[] = {
        {0, 5},                            /* size of the name */
        {4, 2},                            /* size of the content */
        {4, 12},          {4, UINT32_MAX}, /* beyond the segment */
        {8, 17},                           /* type */
        {12, 0x006e6559},                  /* "Yen" */
    };

    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        set_up(state);
        memcpy(kernel_file_xen_note(&file) + changes[i].at, &changes[i].value, 4);
        check_says(read_file(), BOOT_E_NOT_KERNEL, "without a PVH entry");
    }
}

static void note_must_be_in_its_segment(void **state)
{
    (void)state;
    kernel_file_segment(&file, 2)->p_filesz = 0x27;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "without a PVH entry");
    kernel_file_segment(&file, 2)->p_filesz = 0x14 + 11; /* not even a whole header */
    check_says(read_file(), BOOT_E_NOT_KERNEL, "without a PVH entry");
    kernel_file_segment(&file, 2)->p_filesz = 0;
    check_says(read_file(), BOOT_E_NOT_KERNEL, "without a PVH entry");
}

static void note_of_64_bits_is_understood(void **state)
{
    const uint32_t size = 8;
    const uint64_t entry = 0x1000020;

    (void)state;
    memcpy(kernel_file_xen_note(&file) + 4, &size, sizeof(size));
    memcpy(kernel_file_xen_note(&file) + 16, &entry, sizeof(entry));
    kernel_file_segment(&file, 2)->p_filesz = 0x2c;
    assert_int_equal(read_file(), 0);
    assert_int_equal(elf.entry, entry);
}

static void notes_may_be_aligned_to_8(void **state)
{
    (void)state;
    /* The first note's content starts at 16 and ends at 17: the next one is at 24. */
    memmove(file.data + 0x118, file.data + 0x114, 0x14);
    kernel_file_segment(&file, 2)->p_align = 8;
    kernel_file_segment(&file, 2)->p_filesz = 0x30;
    assert_int_equal(read_file(), 0);
    assert_int_equal(elf.entry, KERNEL_FILE_ENTRY);
}

static void entry_must_be_in_the_program(void **state)
{
    static const uint32_t entries[] = {0xffffff, 0x1003000, 0xffffffff};

    for (unsigned i = 0; i < 3; i++) {
        set_up(state);
        memcpy(kernel_file_xen_note(&file) + 16, &entries[i], 4);
        check_says(read_file(), BOOT_E_NOT_KERNEL, "is in no loaded segment");
    }
}

/* ---- Loading ---- */

static int load_with(const struct source *initrd, unsigned initrds, const char *options)
{
    const struct source kernel = kernel_file_source(&file, "/vmlinux");
    const struct image_request request = {&kernel, initrd, initrds, options, NULL};
    const struct image_env env = {&guest_map, RSDP, NULL, NULL};

    memset(&diag, 0, sizeof(diag));
    map_before = guest_map;
    return image_load(&image, &request, &env, &diag);
}

static void check_load_fails(int error, const char *words)
{
    check_says(load_with(NULL, 0, ""), error, words);
    assert_int_equal(image.ranges, 0);
    assert_int_equal(guest_map.count, map_before.count);
    assert_memory_equal(guest_map.range, map_before.range,
                        map_before.count * sizeof(map_before.range[0]));
}

static void segments_go_to_their_addresses(void **state)
{
    static const uint8_t zero[0x2000];

    (void)state;
    memset(guest_memory(0x1000000), 0xee, 0x8000); /* what was there before */
    assert_int_equal(load_with(NULL, 0, "verbose"), 0);
    assert_int_equal(image.kind, IMAGE_PVH);
    assert_int_equal(image.entry, KERNEL_FILE_ENTRY);
    assert_int_equal(kernel_file_same(&file, 0x1000, guest_memory(0x1000000), 0x3000), 0x3000);
    assert_memory_equal(guest_memory(0x1003000), zero, 0x2000);
    assert_int_equal(*guest_memory(0x1005000), 0xee);
    assert_int_equal(image.ranges, 2);
    assert_string_equal(image.range[0].what, "kernel");
    assert_int_equal(image.range[0].base, 0x1000000);
    assert_int_equal(image.range[0].size, 0x5000);
    memset(guest_memory(0x1005000), 0, 0x3000);
    assert_true(guest_memory_untouched());
    image_release(&image, &guest_map);
    assert_memory_equal(guest_map.range, map_before.range,
                        map_before.count * sizeof(map_before.range[0]));
}

static void segments_may_share_a_page(void **state)
{
    Elf64_Phdr *segment = kernel_file_segment(&file, 0);

    (void)state;
    segment->p_filesz = segment->p_memsz = 0x1800;
    segment[1].p_paddr = 0x1001900;
    assert_int_equal(load_with(NULL, 0, ""), 0);
    assert_int_equal(image.range[0].base, 0x1000000);
    assert_int_equal(image.range[0].size, 0x5000);
    assert_int_equal(kernel_file_same(&file, 0x1000, guest_memory(0x1000000), 0x1800), 0x1800);
    assert_int_equal(kernel_file_same(&file, 0x3000, guest_memory(0x1001900), 0x1000), 0x1000);
    assert_true(guest_memory_untouched());
    /* Pages between segments stay free. */
    set_up(state);
    segment[1].p_paddr = 0x2000800;
    assert_int_equal(load_with(NULL, 0, ""), 0);
    assert_int_equal(image.range[0].size, 0x2000);
    assert_int_equal(image.range[1].base, 0x2000000);
    assert_int_equal(image.range[1].size, 0x4000);
    assert_int_equal(image.ranges, 3);
    assert_true(guest_memory_untouched());
}

static void occupied_memory_is_an_error(void **state)
{
    Elf64_Phdr *segment = kernel_file_segment(&file, 0);

    (void)state;
    assert_int_equal(memory_claim(&guest_map, 0x1004000, 4096, MEMORY_SLATE), 0);
    check_load_fails(BOOT_E_NO_MEMORY, "needs the memory from 0x1000000 to 0x1005000");
    set_up(state);
    segment[1].p_paddr = 0x8000000; /* behind the end of RAM; the first segment is given back */
    check_load_fails(BOOT_E_NO_MEMORY, "needs the memory from 0x8000000 to 0x8003000");
    segment[1].p_paddr = (1ull << 52) - 0x3000;
    check_load_fails(BOOT_E_NO_MEMORY, "needs the memory from 0xfffffffffd000");
    segment[1].p_paddr = 0; /* real mode's interrupt table is there: address 0 is never given out */
    check_load_fails(BOOT_E_NO_MEMORY, "needs the memory from 0x0 to 0x3000");
}

/* ---- The start info: read by the code that reads Slate's own, and by offsets of Xen's start_info.h ---- */

static uint64_t field(unsigned offset, unsigned bytes)
{
    uint64_t value = 0;

    memcpy(&value, guest_memory(image.boot_data) + offset, bytes);
    return value;
}

static void start_info_tells_all(void **state)
{
    static struct start_info info;
    static struct memory_map seen;
    struct source initrd[2];
    uint64_t module;

    (void)state;
    source_memory(&initrd[0], "abcde", 5, "/a");
    source_memory(&initrd[1], "XYZ", 3, "/b");
    assert_int_equal(load_with(initrd, 2, "console=ttyS0 quiet"), 0);
    assert_int_equal(field(48, 4), 0); /* no map yet */
    assert_int_equal(memory_mark(&guest_map, 80 * MIB, 0x3000, MEMORY_QUARANTINE, &diag), 0);
    assert_int_equal(image_finish(&image, &guest_map, &diag), 0);
    assert_int_equal(field(0, 4), 0x336ec578);
    assert_int_equal(field(4, 4), 1);
    assert_int_equal(field(8, 4), 0);
    assert_int_equal(field(12, 4), 1);
    assert_int_equal(field(32, 8), RSDP);
    assert_int_equal(field(48, 4), 5);
    assert_int_equal(field(52, 4), 0);
    module = field(16, 8);
    assert_int_equal(module % 8, 0);
    memcpy(&module, guest_memory(module), 8);
    assert_memory_equal(guest_memory(module), "abcde\0\0\0XYZ", 12);
    memcpy(&module, guest_memory(field(16, 8)) + 8, 8);
    assert_int_equal(module, 11);
    assert_true(guest_memory_untouched());

    assert_int_equal(start_info_read(&info, image.boot_data, &seen, &diag), 0);
    assert_string_equal(info.command_line, "console=ttyS0 quiet");
    assert_int_equal(info.rsdp, RSDP);
    assert_int_equal(info.modules, 1);
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.range[0].size, 0x9f000);
    assert_int_equal(seen.range[1].type, MEMORY_RESERVED);
    assert_int_equal(seen.range[3].base, 80 * MIB);
    assert_int_equal(seen.range[3].size, 0x3000);
    assert_int_equal(seen.range[3].type, MEMORY_RESERVED);
    assert_int_equal(seen.range[4].base + seen.range[4].size, 128 * MIB);
}

static void without_initrd_there_is_no_module(void **state)
{
    (void)state;
    assert_int_equal(load_with(NULL, 0, ""), 0);
    assert_int_equal(field(12, 4), 0);
    assert_int_equal(field(16, 8), 0);
}

static void longest_memory_map_has_room(void **state)
{
    static struct start_info info;
    static struct memory_map seen;

    (void)state;
    assert_int_equal(load_with(NULL, 0, "end"), 0);
    for (uint64_t at = 64 * MIB; guest_map.count < MEMORY_RANGES_MAX; at += 0x2000) {
        assert_int_equal(memory_mark(&guest_map, at, 0x1000, MEMORY_RESERVED, &diag), 0);
    }
    assert_int_equal(image_finish(&image, &guest_map, &diag), 0);
    assert_int_equal(start_info_read(&info, image.boot_data, &seen, &diag), 0);
    assert_string_equal(info.command_line, "end");
    assert_true(seen.count > 200); /* loaded and usable memory are one for the OS */
    assert_int_equal(seen.range[seen.count - 1].base + seen.range[seen.count - 1].size, 128 * MIB);
}

/* Linux' first page tables at a PVH entry end at 1 GiB. */
static void start_info_is_in_the_first_gib(void **state)
{
    (void)state;
    guest_memory_open(1088 * MIB, 0);
    assert_int_equal(load_with(NULL, 0, ""), 0);
    assert_true(image.boot_data < 1024 * MIB);
    assert_true(image.boot_data > 1000 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(both_classes_are_read, set_up),
        cmocka_unit_test_setup(segments_are_sorted, set_up),
        cmocka_unit_test_setup(empty_segments_do_not_count, set_up),
        cmocka_unit_test_setup(other_files_are_refused, set_up),
        cmocka_unit_test_setup(program_headers_are_bounded, set_up),
        cmocka_unit_test_setup(segments_are_checked, set_up),
        cmocka_unit_test_setup(many_segments_are_refused, set_up),
        cmocka_unit_test_setup(program_without_note_is_refused, set_up),
        cmocka_unit_test_setup(only_xens_note_counts, set_up),
        cmocka_unit_test_setup(note_must_be_in_its_segment, set_up),
        cmocka_unit_test_setup(note_of_64_bits_is_understood, set_up),
        cmocka_unit_test_setup(notes_may_be_aligned_to_8, set_up),
        cmocka_unit_test_setup(entry_must_be_in_the_program, set_up),
        cmocka_unit_test_setup(segments_go_to_their_addresses, set_up),
        cmocka_unit_test_setup(segments_may_share_a_page, set_up),
        cmocka_unit_test_setup(occupied_memory_is_an_error, set_up),
        cmocka_unit_test_setup(start_info_tells_all, set_up),
        cmocka_unit_test_setup(without_initrd_there_is_no_module, set_up),
        cmocka_unit_test_setup(longest_memory_map_has_room, set_up),
        cmocka_unit_test_setup(start_info_is_in_the_first_gib, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
