/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's PCI front end (VIRTIO 1.4, 4.1): configuration space, structures, the access window, MSI-X. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/pci.h"
#include "tests/unit/support/raw_driver.h"

enum {
    CONFIG = LAUNCHER_PCI_CONFIG,
    MODERN = LAUNCHER_PCI_BAR_MODERN,
    MSIX = LAUNCHER_PCI_BAR_MSIX,
    MSIX_CONTROL = LAUNCHER_PCI_CAP_MSIX + 2,
    MSIX_ENABLE = 0x8000,
    MSIX_MASK_ALL = 0x4000,
    VECTOR_CONTROL = 12, /* in an entry of the table */
    VECTOR_BYTES = 16,
    PENDING_AT = 0x8000,
    WINDOW = LAUNCHER_PCI_CAP_WINDOW,
    WINDOW_BAR = WINDOW + 4,
    WINDOW_OFFSET = WINDOW + 8,
    WINDOW_LENGTH = WINDOW + 12,
    WINDOW_DATA = WINDOW + 16,
    STATUS_AT = 20, /* device_status in the common configuration */
};

static struct raw_driver *new_blk(void)
{
    return raw_driver_new(
        &(struct launcher_options){.type = VIRTIO_ID_BLOCK, .sectors = 64, .seed = 1});
}

static struct launcher_device *new_device(const char *personality)
{
    struct launcher_device *dev = launcher_new(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK,
        .sectors = 64,
        .personality = launcher_personality(personality),
    });

    assert_non_null(dev);
    return dev;
}

static uint32_t get(struct launcher_device *dev, uint64_t offset, unsigned width)
{
    return launcher_read(dev, CONFIG, offset, width);
}

static void put(struct launcher_device *dev, uint64_t offset, unsigned width, uint32_t value)
{
    launcher_write(dev, CONFIG, offset, width, value);
}

static void read_sector(struct raw_driver *raw, struct raw_queue *queue)
{
    uint64_t header = raw_alloc(raw, 16), data = raw_alloc(raw, 512), status = raw_alloc(raw, 1);

    RAW_ADD(queue, {header, 16, RAW_READ}, {data, 512, RAW_WRITE}, {status, 1, RAW_WRITE});
    (void)raw_kick(queue);
}

static void take_used(struct raw_queue *queue)
{
    struct raw_used used;

    assert_true(raw_used(queue, &used));
}

/* ---- Configuration space ---- */

static void the_header_says_what_the_function_is(void **state)
{
    struct launcher_device *dev = new_device("qemu");

    (void)state;
    assert_int_equal(get(dev, LAUNCHER_PCI_VENDOR_ID, 2), 0x1af4);
    assert_int_equal(get(dev, LAUNCHER_PCI_DEVICE_ID, 2), 0x1042);
    assert_int_equal(get(dev, LAUNCHER_PCI_VENDOR_ID, 4), 0x10421af4);
    assert_int_equal(get(dev, LAUNCHER_PCI_COMMAND, 2), 0);
    assert_int_equal(get(dev, LAUNCHER_PCI_STATUS, 2) & 0x10, 0x10);
    assert_in_range(get(dev, LAUNCHER_PCI_REVISION, 1), 1, 255);
    assert_in_range(get(dev, LAUNCHER_PCI_SUBSYSTEM, 2), 0x40, 0xffff);
    assert_int_equal(get(dev, LAUNCHER_PCI_CONFIG_SIZE, 1), UINT32_MAX);
    assert_int_equal(get(dev, 1, 2), UINT32_MAX); /* not aligned */
    launcher_free(dev);
}

static void bars_are_sized_by_writing_all_ones(void **state)
{
    struct launcher_device *dev = new_device("qemu");
    uint32_t before = get(dev, LAUNCHER_PCI_BAR + 4 * MODERN, 4);
    uint64_t size;

    (void)state;
    assert_int_equal(before & 0xf, 0xc); /* 64 bits, prefetchable */
    put(dev, LAUNCHER_PCI_BAR + 4 * MODERN, 4, UINT32_MAX);
    put(dev, LAUNCHER_PCI_BAR + 4 * MODERN + 4, 4, UINT32_MAX);
    size = ~(((uint64_t)get(dev, LAUNCHER_PCI_BAR + 4 * MODERN + 4, 4) << 32 |
              get(dev, LAUNCHER_PCI_BAR + 4 * MODERN, 4)) &
             ~0xfull) +
           1;
    assert_int_equal(size, launcher_region_size(dev, MODERN));
    assert_int_equal(size & (size - 1), 0);
    put(dev, LAUNCHER_PCI_BAR + 4 * MODERN, 4, before);
    assert_int_equal(get(dev, LAUNCHER_PCI_BAR + 4 * MODERN, 4), before);

    put(dev, LAUNCHER_PCI_BAR, 4, UINT32_MAX); /* there is none */
    assert_int_equal(get(dev, LAUNCHER_PCI_BAR, 4), 0);
    assert_int_equal(launcher_region_size(dev, 0), 0);
    assert_false(launcher_region_is_ports(dev, MODERN));
    assert_int_equal(launcher_region_size(dev, CONFIG), 256);
    assert_int_equal(launcher_region_size(dev, 7), 0);
    launcher_free(dev);
}

static void the_command_register_gates_decoding(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    assert_int_equal(raw_status(raw), 0);
    put(raw->dev, LAUNCHER_PCI_COMMAND, 2, LAUNCHER_PCI_COMMAND_IO | LAUNCHER_PCI_COMMAND_MASTER);
    assert_int_equal(launcher_read(raw->dev, MODERN, STATUS_AT, 1), UINT32_MAX);
    launcher_write(raw->dev, MODERN, STATUS_AT, 1, VIRTIO_STATUS_FAILED);
    assert_int_equal(raw->dev->status, 0);
    raw_driver_free(raw);
}

static void without_bus_mastering_no_memory_is_reached(void **state)
{
    struct raw_driver *raw = new_blk();
    struct raw_queue *queue;

    (void)state;
    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    put(raw->dev, LAUNCHER_PCI_COMMAND, 2, LAUNCHER_PCI_COMMAND_MEMORY);
    read_sector(raw, queue);
    assert_int_equal(raw_used_index(queue), 0);
    launcher_forget_violations(raw->dev);
    raw_driver_free(raw);
}

/* The capability list as a driver walks it: types in order, and each structure inside its BAR. */
static void the_capability_list_describes_the_structures(void **state)
{
    static const uint8_t types[] = {VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG,
                                    VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_DEVICE_CFG,
                                    VIRTIO_PCI_CAP_PCI_CFG};
    struct launcher_device *dev = new_device("qemu");
    uint32_t at = get(dev, LAUNCHER_PCI_CAPABILITIES, 1);
    unsigned found = 0;

    (void)state;
    assert_int_equal(get(dev, at, 1), 1); /* power management: to be skipped */
    for (at = get(dev, at + 1, 1); get(dev, at, 1) == 9; at = get(dev, at + 1, 1), found++) {
        uint32_t length = get(dev, at + 2, 1);

        assert_in_range(found, 0, sizeof(types) - 1);
        assert_int_equal(get(dev, at + 3, 1), types[found]);
        assert_true(length == 16 || length == 20);
        assert_true(get(dev, at + 8, 4) + get(dev, at + 12, 4) <=
                    launcher_region_size(dev, get(dev, at + 4, 1)));
    }
    assert_int_equal(found, sizeof(types));
    assert_int_equal(get(dev, at, 1), 0x11); /* MSI-X, the last one */
    assert_int_equal(get(dev, at + 1, 1), 0);
    launcher_free(dev);
}

/* The fault CAPABILITIES: every kind differs from the whole list; the next walk finds it whole again. */
static void a_damaged_list_is_damaged_for_one_walk(void **state)
{
    struct launcher_device *dev = new_device("qemu");
    uint8_t whole[LAUNCHER_PCI_CONFIG_SIZE], seen[LAUNCHER_PCI_CONFIG_SIZE];

    (void)state;
    for (unsigned i = 0; i < sizeof(whole); i++)
        whole[i] = (uint8_t)get(dev, i, 1);
    for (unsigned kind = 1; kind <= 16; kind++) {
        launcher_fault_arm(dev, LAUNCHER_FAULT_CAPABILITIES, 0, 1, kind);
        seen[LAUNCHER_PCI_CAPABILITIES] = (uint8_t)get(dev, LAUNCHER_PCI_CAPABILITIES, 1);
        for (unsigned i = 0; i < sizeof(seen); i++)
            if (i != LAUNCHER_PCI_CAPABILITIES)
                seen[i] = (uint8_t)get(dev, i, 1);
        assert_memory_not_equal(whole, seen, sizeof(whole));
        assert_int_equal(get(dev, LAUNCHER_PCI_CAPABILITIES, 1), LAUNCHER_PCI_CAP_POWER);
        for (unsigned i = 0; i < sizeof(seen); i++)
            assert_int_equal(get(dev, i, 1), whole[i]);
    }
    assert_int_equal(dev->faults.state[LAUNCHER_FAULT_CAPABILITIES].fired, 16);
    launcher_free(dev);
}

/* DRV-PCI-17 */
static void writing_a_capability_is_reported(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    put(raw->dev, LAUNCHER_PCI_CAP_COMMON + 4, 1, 0);
    assert_int_equal(get(raw->dev, LAUNCHER_PCI_CAP_COMMON + 4, 1), MODERN);
    raw_expect(raw, "DRV-PCI-17");
    put(raw->dev, LAUNCHER_PCI_CAP_MSIX - 4, 4, 0); /* the window's data; its length is 0 */
    raw_expect(raw, "IMP-PCI-11");
    raw_driver_free(raw);
}

/* DRV-PCI-35 */
static void structures_at_guessed_places_are_reported(void **state)
{
    struct launcher_device *dev = new_device("qemu");

    (void)state;
    put(dev, LAUNCHER_PCI_COMMAND, 2, LAUNCHER_PCI_COMMAND_MEMORY);
    assert_int_equal(launcher_read(dev, MODERN, STATUS_AT, 1), 0);
    assert_string_equal(launcher_first_violation(dev)->id, "DRV-PCI-35");
    launcher_free(dev);
}

/* ---- Structures ---- */

static void registers_can_be_read_in_pieces(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0);
    assert_int_equal(raw_get(raw, offsetof(struct virtio_pci_common_cfg, queue_size), 1), 0x00);
    assert_int_equal(raw_get(raw, offsetof(struct virtio_pci_common_cfg, queue_size) + 1, 1), 0x01);
    raw_expect(raw, "DRV-PCI-06");
    raw_driver_free(raw);
}

static void a_write_of_another_width_changes_nothing(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0);
    raw_set(raw, offsetof(struct virtio_pci_common_cfg, queue_size), 4, 8);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_size)), 256);
    raw_expect(raw, "DRV-PCI-06");
    raw_driver_free(raw);
}

static void accesses_of_nothing_do_nothing(void **state)
{
    struct raw_driver *raw = new_blk();
    uint64_t size = launcher_region_size(raw->dev, MODERN);

    (void)state;
    assert_int_equal(launcher_read(raw->dev, MODERN, size, 4), UINT32_MAX);
    assert_int_equal(launcher_read(raw->dev, MODERN, size - 2, 4), UINT32_MAX);
    assert_int_equal(launcher_read(raw->dev, MODERN, UINT64_MAX, 4), UINT32_MAX);
    assert_int_equal(launcher_read(raw->dev, 2, 0, 4), UINT32_MAX);
    launcher_write(raw->dev, MODERN, UINT64_MAX - 1, 4, 0);
    launcher_write(raw->dev, 5, 0, 4, 0);
    assert_int_equal(launcher_read(raw->dev, MODERN, 0x800, 4), 0); /* between structures */
    raw_driver_free(raw);
}

/* 4.1.4.5: reading ISR status clears it. */
static void reading_isr_status_clears_it(void **state)
{
    struct raw_driver *raw = new_blk();
    struct raw_queue *queue;

    (void)state;
    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    read_sector(raw, queue);
    assert_int_equal(raw->interrupts, 1);
    assert_int_equal(get(raw->dev, LAUNCHER_PCI_STATUS, 2) & 8, 8);
    assert_int_equal(launcher_read(raw->dev, raw->isr.region, raw->isr.offset, 1),
                     VIRTIO_ISR_QUEUE);
    assert_int_equal(launcher_read(raw->dev, raw->isr.region, raw->isr.offset, 1), 0);
    assert_int_equal(get(raw->dev, LAUNCHER_PCI_STATUS, 2) & 8, 0);
    put(raw->dev, LAUNCHER_PCI_COMMAND, 2, 7 | LAUNCHER_PCI_COMMAND_INTX_DISABLE);
    read_sector(raw, queue);
    assert_int_equal(raw->interrupts, 1);
    raw_driver_free(raw);
}

/* IMP-PCI-09 */
static void a_notification_elsewhere_is_reported(void **state)
{
    struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK, .sectors = 8, .queues = 2, .features = 1ull << VIRTIO_BLK_F_MQ});
    struct raw_queue *queue;

    (void)state;
    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    queue->notify_off += 4; /* the other queue's */
    raw_notify(queue);
    raw_expect(raw, "IMP-PCI-09");
    raw_driver_free(raw);
}

static void with_a_multiplier_of_zero_all_queues_share_an_address(void **state)
{
    struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK, .sectors = 8, .personality = launcher_personality("kvmtool")});
    struct raw_queue *queue;

    (void)state;
    assert_int_equal(raw->notify_multiplier, 0);
    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 256);
    raw_live(raw);
    read_sector(raw, queue);
    assert_int_equal(raw_used_index(queue), 1);
    raw_driver_free(raw);
}

/* ---- The access window ---- */

static void set_window(struct raw_driver *raw, uint32_t bar, uint32_t offset, uint32_t length)
{
    put(raw->dev, WINDOW_BAR, 1, bar);
    put(raw->dev, WINDOW_LENGTH, 4, length);
    put(raw->dev, WINDOW_OFFSET, 4, offset);
}

/* The window works without decoding: that is what it is for. */
static void the_window_reaches_the_structures(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    put(raw->dev, LAUNCHER_PCI_COMMAND, 2, 0);
    set_window(raw, MODERN, STATUS_AT, 1);
    put(raw->dev, WINDOW_DATA, 1, 0);
    put(raw->dev, WINDOW_DATA, 1, VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(get(raw->dev, WINDOW_DATA, 1), VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(raw->dev->status, VIRTIO_STATUS_ACKNOWLEDGE);
    set_window(raw, MODERN, 18, 2);
    assert_int_equal(get(raw->dev, WINDOW_DATA, 2), 1); /* num_queues */
    launcher_forget_violations(raw->dev);               /* status was not read back */
    raw_driver_free(raw);
}

/* IMP-PCI-11, DRV-PCI-32, DRV-PCI-33, DRV-PCI-34: one misuse each. */
static void misuse_of_the_window_is_reported(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    set_window(raw, MODERN, 0, 3);
    assert_int_equal(get(raw->dev, WINDOW_DATA, 1), 0);
    raw_expect(raw, "IMP-PCI-11");
    set_window(raw, MODERN, 2, 4);
    (void)get(raw->dev, WINDOW_DATA, 2);
    raw_expect(raw, "DRV-PCI-32");
    set_window(raw, MODERN, 22, 2);
    (void)get(raw->dev, WINDOW_DATA, 4);
    raw_expect(raw, "DRV-PCI-33");
    set_window(raw, MODERN, 0x800, 4);
    (void)get(raw->dev, WINDOW_DATA, 4);
    raw_expect(raw, "DRV-PCI-34");
    set_window(raw, MODERN, 0x1000, 2); /* beyond the one byte of ISR status */
    (void)get(raw->dev, WINDOW_DATA, 2);
    raw_expect(raw, "DRV-PCI-34");
    set_window(raw, MODERN, 0x2000 + (uint32_t)raw->config.length, 4);
    (void)get(raw->dev, WINDOW_DATA, 4);
    raw_expect(raw, "DRV-PCI-34");
    set_window(raw, MSIX, 0, 4);
    put(raw->dev, WINDOW_DATA, 4, 0xfee00000);
    raw_expect(raw, "DRV-PCI-34");
    assert_int_equal(launcher_pci_of(raw->dev)->msix_table[3], 0);
    raw_driver_free(raw);
}

static void a_dead_window_does_nothing(void **state)
{
    struct raw_driver *raw = raw_driver_new(&(struct launcher_options){
        .type = VIRTIO_ID_BLOCK, .sectors = 8, .personality = launcher_personality("kvmtool")});

    (void)state;
    set_window(raw, MODERN, STATUS_AT, 1);
    assert_int_equal(get(raw->dev, WINDOW_BAR, 1), 0);
    assert_int_equal(get(raw->dev, WINDOW_LENGTH, 4), 0);
    put(raw->dev, WINDOW_DATA, 1, VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(get(raw->dev, WINDOW_DATA, 1), 0);
    assert_int_equal(raw->dev->status, 0);
    raw_driver_free(raw);
}

/* ---- MSI-X ---- */

static void unmask(struct raw_driver *raw, unsigned vector, bool masked)
{
    launcher_write(raw->dev, MSIX, vector * VECTOR_BYTES + VECTOR_CONTROL, 4, masked);
}

static void vectors_are_delivered_held_back_and_delivered_later(void **state)
{
    struct raw_driver *raw = new_blk();
    struct raw_queue *queue;

    (void)state;
    put(raw->dev, MSIX_CONTROL, 2, MSIX_ENABLE);
    assert_int_equal(get(raw->dev, MSIX_CONTROL, 2), MSIX_ENABLE | 1);
    unmask(raw, 1, false);
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(queue_select), 0);
    raw_set(raw, RAW_COMMON(queue_msix_vector), 1);
    assert_int_equal(raw_get(raw, RAW_COMMON(queue_msix_vector)), 1);
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    read_sector(raw, queue);
    assert_int_equal(raw->interrupts, 1);
    assert_int_equal(raw->last_vector, 1);
    take_used(queue);

    unmask(raw, 1, true);
    read_sector(raw, queue);
    assert_int_equal(raw->interrupts, 1);
    assert_int_equal(launcher_read(raw->dev, MSIX, PENDING_AT, 4), 2);
    unmask(raw, 1, false);
    assert_int_equal(raw->interrupts, 2);
    assert_int_equal(launcher_read(raw->dev, MSIX, PENDING_AT, 4), 0);
    take_used(queue);

    put(raw->dev, MSIX_CONTROL, 2, MSIX_ENABLE | MSIX_MASK_ALL);
    read_sector(raw, queue);
    assert_int_equal(raw->interrupts, 2);
    put(raw->dev, MSIX_CONTROL, 2, MSIX_ENABLE);
    assert_int_equal(raw->interrupts, 3);

    put(raw->dev, LAUNCHER_PCI_COMMAND, 2, LAUNCHER_PCI_COMMAND_MEMORY);
    launcher_interrupt_queue(raw->dev, &raw->dev->queues[0]); /* a message is a memory write */
    assert_int_equal(raw->interrupts, 3);
    raw_driver_free(raw);
}

/* DRV-PCI-40, DRV-PCI-41 */
static void vectors_out_of_range_or_unread_are_reported(void **state)
{
    struct raw_driver *raw = new_blk();

    (void)state;
    assert_true(raw_start(raw, 0));
    raw_set(raw, RAW_COMMON(config_msix_vector), 2);
    assert_int_equal(raw_get(raw, RAW_COMMON(config_msix_vector)), VIRTIO_MSI_NO_VECTOR);
    raw_expect(raw, "DRV-PCI-40");
    raw_queue(raw, 0, 8);
    raw_set(raw, RAW_COMMON(queue_msix_vector), 1);
    raw_live(raw);
    raw_expect(raw, "DRV-PCI-41");
    raw_driver_free(raw);
}

/* DRV-PCI-29 */
static void isr_status_read_under_msix_is_reported(void **state)
{
    struct raw_driver *raw = new_blk();
    struct raw_queue *queue;

    (void)state;
    assert_true(raw_start(raw, 0));
    queue = raw_queue(raw, 0, 8);
    raw_live(raw);
    put(raw->dev, MSIX_CONTROL, 2, MSIX_ENABLE);
    read_sector(raw, queue);
    (void)launcher_read(raw->dev, raw->isr.region, raw->isr.offset, 1);
    raw_expect_among(raw, "DRV-PCI-29");
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_says_what_the_function_is),
        cmocka_unit_test(bars_are_sized_by_writing_all_ones),
        cmocka_unit_test(the_command_register_gates_decoding),
        cmocka_unit_test(without_bus_mastering_no_memory_is_reached),
        cmocka_unit_test(the_capability_list_describes_the_structures),
        cmocka_unit_test(a_damaged_list_is_damaged_for_one_walk),
        cmocka_unit_test(writing_a_capability_is_reported),
        cmocka_unit_test(structures_at_guessed_places_are_reported),
        cmocka_unit_test(registers_can_be_read_in_pieces),
        cmocka_unit_test(a_write_of_another_width_changes_nothing),
        cmocka_unit_test(accesses_of_nothing_do_nothing),
        cmocka_unit_test(reading_isr_status_clears_it),
        cmocka_unit_test(a_notification_elsewhere_is_reported),
        cmocka_unit_test(with_a_multiplier_of_zero_all_queues_share_an_address),
        cmocka_unit_test(the_window_reaches_the_structures),
        cmocka_unit_test(misuse_of_the_window_is_reported),
        cmocka_unit_test(a_dead_window_does_nothing),
        cmocka_unit_test(vectors_are_delivered_held_back_and_delivered_later),
        cmocka_unit_test(vectors_out_of_range_or_unread_are_reported),
        cmocka_unit_test(isr_status_read_under_msix_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
