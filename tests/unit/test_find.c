/* SPDX-License-Identifier: BSD-2-Clause */
/* From virtio disks to a loaded image: which disk, which volume, which entry, and what is said when there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/devices.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/find.h"
#include "boot/image.h"
#include "boot/settings.h"
#include "tests/unit/support/device.h"
#include "tests/unit/support/guest_memory.h"
#include "tests/unit/support/image_fat.h"
#include "tests/unit/support/kernel_file.h"
#include "tests/unit/support/notes.h"
#include "tests/unit/support/screen.h"

#define DISKS 2u
#define MIB   (1ull << 20)

#define VOLUME_BYTES ((size_t)DEVICE_SECTORS * VIRTIO_BLK_SECTOR)

struct fixture {
    struct devices devices;
    struct boot_device *slots[DISKS];
    struct device *disk[DISKS];
    uint8_t *volume[DISKS]; /* what the disks hold */
    struct image_fat fat[DISKS];
    struct settings settings;
    struct image image;
    struct diag diag;
};

static struct kernel_file kernel;

/* ---- Disks ---- */

/* A file with these bytes in a directory of disk `index`; the short name is the long one's first letters. */
static void put_file(struct fixture *f, unsigned index, struct image_dir dir, const char *name,
                     const char *short_name, const void *bytes, size_t size)
{
    struct image_fat *fat = &f->fat[index];
    const uint8_t *record = image_fat_file(fat, dir, name, short_name, 0, (uint32_t)size);

    memcpy(image_fat_cluster(fat, record[26] | (uint32_t)record[27] << 8), bytes, size);
}

static void put_text(struct fixture *f, unsigned index, struct image_dir dir, const char *name,
                     const char *short_name, const char *text)
{
    put_file(f, index, dir, name, short_name, text, strlen(text));
}

/* A disk that is one FAT16 file system, without any file. */
static void format(struct fixture *f, unsigned index)
{
    memset(f->volume[index], 0, VOLUME_BYTES);
    f->fat[index] = (struct image_fat){.volume = f->volume[index], .bits = 16, .clusters = 5000};
    assert_true(image_fat_size(&f->fat[index]) <= VOLUME_BYTES);
    image_fat_write(&f->fat[index]);
}

/* The same with a kernel, an initrd and the entry file `entry`. */
static void install(struct fixture *f, unsigned index, const char *entry)
{
    struct image_fat *fat = &f->fat[index];
    struct image_dir root, loader, entries;

    format(f, index);
    root = image_fat_root(fat);
    loader = image_fat_mkdir(fat, root, "loader", "LOADER     ");
    entries = image_fat_mkdir(fat, loader, "entries", "ENTRIES    ");
    kernel_file_bzimage(&kernel, 4, 16 * 4096);
    put_file(f, index, root, "vmlinuz", "VMLINUZ    ", kernel.data, (size_t)kernel.size);
    put_text(f, index, root, "initrd", "INITRD     ", "the initrd");
    put_text(f, index, entries, "os.conf", "OS      CON", entry);
}

#define ENTRY "title Some OS\nlinux /vmlinuz\ninitrd /initrd\noptions quiet\n"

/* ---- Fixture ---- */

static void add_disk(struct fixture *f, unsigned index, const char *name)
{
    struct device *d = device_new(VIRTIO_ID_BLOCK);
    struct boot_device *slot = calloc(1, sizeof(*slot));

    assert_non_null(slot);
    f->volume[index] = malloc(VOLUME_BYTES);
    assert_non_null(f->volume[index]);
    f->disk[index] = d;
    f->slots[index] = slot;
    device_give_memory(d, &virtio_blk_driver, 256);
    slot->pci.address.device = (uint8_t)(index + 3);
    slot->env = d->env;
    assert_int_equal(virtio_pci_init(&slot->virtio, name, &d->io, d, &slot->env), 0);
    assert_int_equal(virtio_discover(&f->devices.bus, &slot->virtio), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    guest_memory_open(128 * MIB, 0);
    screen_clear();
    notes_clear();
    settings_default(&f->settings);
    add_disk(f, 0, "00:03.0");
    add_disk(f, 1, "00:04.0");
    f->devices.device = f->slots;
    f->devices.count = DISKS;
    f->devices.memory = &guest_map;
    format(f, 0);
    format(f, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < DISKS; i++) {
        f->disk[i]->dev = f->slots[i]->virtio; /* what device_free() judges by */
        device_free(f->disk[i]);
        free(f->volume[i]);
        free(f->slots[i]);
    }
    free(f);
    return 0;
}

static int find(struct fixture *f)
{
    for (unsigned i = 0; i < DISKS; i++)
        assert_true(launcher_blk_write(f->disk[i]->host, 0, f->volume[i], DEVICE_SECTORS));
    return find_image(&f->devices, &f->settings, 0, &f->image, &f->diag);
}

static void set(struct fixture *f, const char *key, const char *value)
{
    assert_int_equal(
        settings_set(&f->settings, SETTINGS_FROM_FILE, key, value, strlen(value), &f->diag), 0);
}

static void expect_error(struct fixture *f, int error, const char *words)
{
    int result = find(f);

    if (result != error || strstr(f->diag.text, words) == NULL)
        fail_msg("%s: '%s' instead of %s: '%s'", boot_error_name(result), f->diag.text,
                 boot_error_name(error), words);
}

/* ---- Tests ---- */

static void test_an_entry_is_loaded_with_its_initrd_and_options(void **state)
{
    struct fixture *f = *state;
    const struct boot_params *params;

    install(f, 0, ENTRY);
    assert_int_equal(find(f), 0);
    assert_int_equal(f->image.kind, IMAGE_LINUX);
    params = (const struct boot_params *)(void *)guest_memory(f->image.boot_data);
    assert_string_equal((const char *)guest_memory(params->hdr.cmd_line_ptr), "quiet");
    assert_int_equal(params->hdr.ramdisk_size, 10);
    assert_memory_equal(guest_memory(params->hdr.ramdisk_image), "the initrd", 10);
    assert_non_null(strstr(screen_text(), "boot: Some OS"));
    assert_int_equal(f->slots[1]->virtio.state, VIRTIO_CLEAN); /* the other disk was left alone */
}

static void test_what_is_appended_comes_after_the_options(void **state)
{
    struct fixture *f = *state;
    const struct boot_params *params;

    install(f, 0, ENTRY);
    set(f, "append", "debug");
    assert_int_equal(find(f), 0);
    params = (const struct boot_params *)(void *)guest_memory(f->image.boot_data);
    assert_string_equal((const char *)guest_memory(params->hdr.cmd_line_ptr), "quiet debug");
}

static void test_a_disk_without_entries_gives_way_to_the_next(void **state)
{
    struct fixture *f = *state;

    install(f, 1, ENTRY);
    assert_int_equal(find(f), 0);
    assert_int_equal(f->slots[1]->virtio.state, VIRTIO_LIVE);
}

static void test_the_disk_that_the_settings_name_is_the_only_one(void **state)
{
    struct fixture *f = *state;

    install(f, 0, ENTRY);
    set(f, "disk", "00:04.0");
    expect_error(f, -BOOT_E_NO_ENTRY, "disk 00:04.0: ");
    assert_int_equal(f->slots[0]->virtio.state, VIRTIO_CLEAN);
}

static void test_a_disk_can_be_named_by_its_index(void **state)
{
    struct fixture *f = *state;

    install(f, 0, ENTRY);
    install(f, 1, "title Second\nlinux /vmlinuz\n");
    set(f, "disk", "1");
    assert_int_equal(find(f), 0);
    assert_non_null(strstr(screen_text(), "boot: Second"));
}

static void test_a_named_disk_that_does_not_exist_is_said_so(void **state)
{
    struct fixture *f = *state;

    set(f, "disk", "7");
    expect_error(f, -BOOT_E_NO_DISK, "among the 2 virtio disks");
}

static void test_without_disks_the_machine_is_to_blame(void **state)
{
    struct fixture *f = *state;

    f->devices.count = 0;
    expect_error(f, -BOOT_E_NO_DISK, "no virtio disk");
}

static void test_a_chosen_entry_that_fails_ends_the_boot(void **state)
{
    struct fixture *f = *state;

    install(f, 0, "title Broken\nlinux /nowhere\n");
    install(f, 1, ENTRY);
    expect_error(f, -BOOT_E_NOT_FOUND, "/nowhere");
    assert_int_equal(f->slots[1]->virtio.state, VIRTIO_CLEAN);
}

static void test_a_bad_entry_costs_a_note_and_the_others_are_there(void **state)
{
    struct fixture *f = *state;

    install(f, 0, "title No kernel at all\n");
    install(f, 1, ENTRY);
    assert_int_equal(find(f), 0);
    assert_non_null(strstr(notes_text(), "an entry is left out: os.conf"));
}

static void test_an_only_entry_that_is_bad_is_the_reason(void **state)
{
    struct fixture *f = *state;

    install(f, 0, "title No kernel at all\n");
    set(f, "disk", "0");
    expect_error(f, -BOOT_E_CONFIG, "os.conf");
}

static void test_the_settings_can_name_kernel_initrd_and_options(void **state)
{
    struct fixture *f = *state;
    const struct boot_params *params;

    install(f, 0, "title Never mind\nlinux /nowhere\n");
    set(f, "linux", "/vmlinuz");
    set(f, "initrd", "/initrd");
    set(f, "options", "init=/bin/sh");
    assert_int_equal(find(f), 0);
    params = (const struct boot_params *)(void *)guest_memory(f->image.boot_data);
    assert_string_equal((const char *)guest_memory(params->hdr.cmd_line_ptr), "init=/bin/sh");
    assert_int_equal(params->hdr.ramdisk_size, 10);
}

static void test_an_empty_disk_is_told_from_one_without_entries(void **state)
{
    struct fixture *f = *state;

    memset(f->volume[0], 0, VOLUME_BYTES);
    set(f, "disk", "0");
    expect_error(f, -BOOT_E_EMPTY_DISK, "disk 00:03.0: ");
    assert_null(strstr(f->diag.text + 1, "disk 00:03.0")); /* named once */
}

static void test_an_io_error_is_reported_with_its_place(void **state)
{
    struct fixture *f = *state;

    install(f, 0, ENTRY);
    launcher_blk_fail(f->disk[0]->host, 0, 1, VIRTIO_BLK_S_IOERR, 0);
    set(f, "disk", "0");
    expect_error(f, -BOOT_E_IO, "disk 00:03.0: ");
    assert_int_equal(boot_error_exit(f->diag.error), BOOT_EXIT_IO);
}

/* Nothing that is loaded is trusted to a device that does not answer: it is reset, asked once more, and given up. */
static void test_a_disk_that_never_answers_gives_way_to_the_next(void **state)
{
    struct fixture *f = *state;

    device_delay(f->disk[0], DEVICE_NEVER);
    install(f, 1, ENTRY);
    assert_int_equal(find(f), 0);
    assert_int_equal(f->slots[0]->driver.blk.restarts, 1);
    assert_int_equal(f->disk[0]->host->status & VIRTIO_STATUS_DRIVER_OK, 0);
    assert_non_null(strstr(screen_text(), "boot: Some OS"));
}

static void test_a_disk_that_never_answers_is_a_timeout(void **state)
{
    struct fixture *f = *state;

    device_delay(f->disk[0], DEVICE_NEVER);
    set(f, "disk", "0");
    expect_error(f, -BOOT_E_TIMEOUT, "disk 00:03.0: ");
    assert_int_equal(boot_error_exit(f->diag.error), BOOT_EXIT_TIMEOUT);
}

/* What it was read to may still change, so nothing else is loaded. */
static void test_a_disk_that_gets_stuck_while_it_is_read_ends_the_boot(void **state)
{
    struct fixture *f = *state;

    device_delay(f->disk[0], DEVICE_NEVER);
    launcher_fault_arm(f->disk[0]->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    install(f, 1, ENTRY);
    expect_error(f, -BOOT_E_STUCK, "disk 00:03.0: ");
    assert_int_equal(f->slots[0]->virtio.state, VIRTIO_STUCK);
    assert_int_equal(f->slots[1]->virtio.state, VIRTIO_CLEAN);
    assert_int_equal(boot_error_exit(f->diag.error), BOOT_EXIT_STUCK);
}

static void test_a_disk_that_was_stuck_from_the_start_gives_way_to_the_next(void **state)
{
    struct fixture *f = *state;

    launcher_fault_arm(f->disk[0]->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(virtio_reset(&f->slots[0]->virtio), -VIRTIO_E_STUCK);
    install(f, 1, ENTRY);
    assert_int_equal(find(f), 0);
}

static void test_a_disk_that_breaks_the_protocol_is_an_error_of_the_device(void **state)
{
    struct fixture *f = *state;

    device_fail(f->disk[0], LAUNCHER_FAULT_ID_OUT_OF_RANGE, 0, 0, 2);
    set(f, "disk", "0");
    expect_error(f, -BOOT_E_DEVICE, "disk 00:03.0: ");
    assert_int_equal(boot_error_exit(f->diag.error), BOOT_EXIT_DEVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_an_entry_is_loaded_with_its_initrd_and_options),
        TEST(test_what_is_appended_comes_after_the_options),
        TEST(test_a_disk_without_entries_gives_way_to_the_next),
        TEST(test_the_disk_that_the_settings_name_is_the_only_one),
        TEST(test_a_disk_can_be_named_by_its_index),
        TEST(test_a_named_disk_that_does_not_exist_is_said_so),
        TEST(test_without_disks_the_machine_is_to_blame),
        TEST(test_a_chosen_entry_that_fails_ends_the_boot),
        TEST(test_a_bad_entry_costs_a_note_and_the_others_are_there),
        TEST(test_an_only_entry_that_is_bad_is_the_reason),
        TEST(test_the_settings_can_name_kernel_initrd_and_options),
        TEST(test_an_empty_disk_is_told_from_one_without_entries),
        TEST(test_an_io_error_is_reported_with_its_place),
        TEST(test_a_disk_that_never_answers_gives_way_to_the_next),
        TEST(test_a_disk_that_never_answers_is_a_timeout),
        TEST(test_a_disk_that_gets_stuck_while_it_is_read_ends_the_boot),
        TEST(test_a_disk_that_was_stuck_from_the_start_gives_way_to_the_next),
        TEST(test_a_disk_that_breaks_the_protocol_is_an_error_of_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
