/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over PCI (VIRTIO 1.4, 4.1): which functions are ours, hostile capability lists, notifications, legacy. */
#include "tests/unit/support/plain_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

static void put16(struct device *d, unsigned at, unsigned value)
{
    d->pci[at] = (uint8_t)value;
    d->pci[at + 1] = (uint8_t)(value >> 8);
}

static void put32(struct device *d, unsigned at, uint32_t value)
{
    put16(d, at, value & 0xffff);
    put16(d, at + 2, value >> 16);
}

static int init(struct device *d)
{
    return virtio_pci_init(&d->dev, "00:03.0", &d->io, d, &d->env);
}

/* Discovers the device; whether its registers were found. Frees it. */
static bool reaches(struct device *d)
{
    struct virtio_bus bus = {0};
    int error = device_discover(d, &bus);
    bool reachable = d->dev.reachable;

    assert_int_equal(error, reachable ? 0 : -VIRTIO_E_UNREACHABLE);
    device_free(d);
    return reachable;
}

/* ---- Which functions ---- */

/* DRV-PCI-01, DRV-PCI-03, DRV-PCI-04: the device id alone decides; revision and subsystem are of no importance. */
static void modern_ids_name_the_device_type(void **state)
{
    (void)state;
    for (unsigned id = 0; id < 0x40; id++) {
        struct device *d = device_new(id);

        d->pci[0x08] = (uint8_t)(id * 5);
        put16(d, 0x2e, 0x1000 + id);
        assert_int_equal(init(d), 0);
        assert_int_equal(d->dev.id, id);
        assert_false(d->dev.legacy);
        device_free(d);
    }
}

/* DRV-PCI-02: transitional ids, with their own numbers; those that none is assigned to say it in the subsystem id. */
static void transitional_ids_name_the_device_type(void **state)
{
    static const struct {
        unsigned pci, subsystem, id;
    } cases[] = {
        {0x1000, 9, VIRTIO_ID_NET},     {0x1001, 9, VIRTIO_ID_BLOCK},
        {0x1002, 9, VIRTIO_ID_BALLOON}, {0x1003, 9, VIRTIO_ID_CONSOLE},
        {0x1004, 9, VIRTIO_ID_SCSI},    {0x1005, 9, VIRTIO_ID_ENTROPY},
        {0x1009, 1, VIRTIO_ID_9P},      {0x103f, 77, 77},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct device *d = device_new(0);

        put16(d, 0x02, cases[i].pci);
        put16(d, 0x2e, cases[i].subsystem);
        assert_int_equal(init(d), 0);
        assert_int_equal(d->dev.id, cases[i].id);
        device_free(d);
    }
}

/* DRV-PCI-01 */
static void other_functions_are_left_alone(void **state)
{
    static const struct {
        unsigned vendor, device;
    } cases[] = {
        {0x8086, 0x1042}, {0x1af4, 0x0fff}, {0x1af4, 0x1080}, {0x1af4, 0x1110}, {0xffff, 0xffff}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct device *d = device_new(VIRTIO_ID_BLOCK);

        put16(d, 0x00, cases[i].vendor);
        put16(d, 0x02, cases[i].device);
        assert_int_equal(init(d), -VIRTIO_E_NO_DEVICE);
        assert_int_equal(device_count_region(d, DEVICE_WRITE, VIRTIO_IO_PCI_CONFIG), 0);
        device_free(d);
    }
}

/* DRV-PCI-17, DRV-PCI-18: nothing but the command register is written before the device is discovered. */
static void init_writes_only_the_command_register(void **state)
{
    struct device *d = device_new(VIRTIO_ID_BLOCK);

    (void)state;
    assert_int_equal(init(d), 0);
    assert_int_equal(device_pci_command(d), 3);
    assert_int_equal(device_count_region(d, DEVICE_WRITE, VIRTIO_IO_PCI_CONFIG), 1);
    assert_int_equal(device_count_region(d, DEVICE_WRITE, 4), 0);
    assert_int_equal(d->dev.state, VIRTIO_FOUND);
    device_free(d);
}

static void init_leaves_a_command_register_that_decodes_already(void **state)
{
    struct device *d = device_new(VIRTIO_ID_BLOCK);

    (void)state;
    put16(d, 4, 0x507);
    assert_int_equal(init(d), 0);
    assert_int_equal(device_count_region(d, DEVICE_WRITE, VIRTIO_IO_PCI_CONFIG), 0);
    assert_int_equal(d->dev.pci_command_found, 0x507);
    device_free(d);
}

/* A transitional device is driven through its modern interface whenever it has one. */
static void transitional_device_is_driven_as_modern(void **state)
{
    struct plain plain = {.queues = 1, .size = 8};
    struct virtio_bus bus = {0};
    struct device *d = device_new_with(&(struct launcher_options){
        .type = VIRTIO_ID_ENTROPY, .model = &device_plain, .front = LAUNCHER_PCI_TRANSITIONAL});

    (void)state;
    assert_int_equal(launcher_pci_get(d->function, LAUNCHER_PCI_DEVICE_ID, 2), 0x1005);
    assert_true(launcher_region_is_ports(d->host, 0));
    device_give_memory(d, &plain_driver, 8);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_false(d->dev.legacy);
    assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), 0);
    assert_int_equal(device_count_region(d, DEVICE_WRITE, 0), 0);
    assert_int_equal(device_count_region(d, DEVICE_READ, 0), 0);
    device_free(d);
}

/* ---- Legacy ---- */

/* DRV-PCI-36, DRV-FEAT-13: it is reset like any other, and not driven. */
static void device_with_a_legacy_interface_only_is_reset_but_not_claimed(void **state)
{
    struct virtio_config_field field = {.offset = 0, .width = 4};
    struct plain plain = {0};
    struct virtio_bus bus = {0};
    struct device *d = device_new_legacy(VIRTIO_ID_ENTROPY);

    (void)state;
    put16(d, 4, 0);
    d->host->status = 7;
    assert_int_equal(device_discover(d, &bus), 0);
    assert_true(d->dev.legacy);
    assert_int_equal(d->dev.id, VIRTIO_ID_ENTROPY); /* 0x1005 */
    assert_int_equal(d->dev.found_status, 7);
    assert_string_equal(device_statuses(d), "0 1");
    assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), -VIRTIO_E_UNSUPPORTED);
    assert_int_equal(virtio_config_read(&d->dev, &field, 1), -VIRTIO_E_CONFIG);
    assert_int_equal(virtio_handoff(&bus), 0);
    assert_int_equal(d->host->status, 0);
    device_free(d);
}

static void legacy_device_that_does_not_reset_is_stuck(void **state)
{
    struct virtio_bus bus = {0};
    struct device *d = device_new_legacy(VIRTIO_ID_ENTROPY);

    (void)state;
    launcher_fault_arm(d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(device_discover(d, &bus), -VIRTIO_E_STUCK);
    device_free(d);
}

static void legacy_block_needs_ports_and_room(void **state)
{
    struct device *d = device_new_legacy(VIRTIO_ID_ENTROPY);

    (void)state;
    put32(d, 0x10, 0xc000); /* memory */
    assert_false(reaches(d));
    d = device_new_legacy(VIRTIO_ID_ENTROPY);
    d->function->bar_size[0] = 16;
    assert_false(reaches(d));
    d = device_new_legacy(VIRTIO_ID_ENTROPY);
    put16(d, 0x02, 0x1044); /* a modern id has no legacy block */
    assert_false(reaches(d));
}

/* ---- Capability lists ---- */

static void capability_list_that_loops_ends(void **state)
{
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->pci[LAUNCHER_PCI_CAP_MSIX + 1] = 0x40; /* a loop after all has been found */
    assert_true(reaches(d));

    d = device_new(VIRTIO_ID_ENTROPY);
    d->pci[0x41] = 0x40; /* a capability that follows itself */
    assert_int_equal(init(d), 0);
    assert_false(d->dev.reachable);
    assert_in_range(device_count_region(d, DEVICE_READ, VIRTIO_IO_PCI_CONFIG), 1, 120);
    device_free(d);
}

/* Not one hop more than fits in configuration space: 48 are good, and all of them are looked at. */
static void longest_possible_capability_list_is_walked(void **state)
{
    struct device *d = device_new(VIRTIO_ID_ENTROPY);
    struct device_window window = {DEVICE_BAR, d->function->common.offset,
                                   d->function->common.length};
    unsigned at;

    (void)state;
    memset(d->pci + 64, 0, 192);
    d->pci[0x34] = 0x40;
    for (at = 0x40; at < 0xf0; at += 4) {
        d->pci[at] = 1;
        d->pci[at + 1] = (uint8_t)(at + 4);
    }
    device_pci_capability(d, 0xf0, 0, VIRTIO_PCI_CAP_COMMON_CFG, &window);
    assert_true(reaches(d));
}

static void capability_pointers_below_the_header_end_the_list(void **state)
{
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->pci[0x34] = 0x3c;
    assert_false(reaches(d));
    d = device_new(VIRTIO_ID_ENTROPY);
    d->pci[0x34] = 0x43; /* the low two bits are reserved */
    assert_true(reaches(d));
    d = device_new(VIRTIO_ID_ENTROPY);
    d->pci[0x06] = 0; /* the status says that there is no list */
    assert_false(reaches(d));
}

/* DRV-PCI-35, DRV-PCI-36: no common configuration structure, no way to reset it; said, and cut off from memory. */
static void device_without_a_common_structure_is_unreachable(void **state)
{
    struct virtio_bus bus = {0};
    struct plain plain = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->pci[LAUNCHER_PCI_CAP_COMMON + 3] = 0x40;
    put16(d, 4, 7);
    assert_int_equal(device_discover(d, &bus), -VIRTIO_E_UNREACHABLE);
    assert_int_equal(d->dev.state, VIRTIO_STUCK);
    assert_int_equal(device_pci_command(d) & 4, 0);
    assert_int_equal(device_count_region(d, DEVICE_WRITE, 4), 0);
    assert_non_null(device_logged(d, "no usable register window"));
    assert_int_equal(virtio_reset(&d->dev), -VIRTIO_E_UNREACHABLE);
    assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), -VIRTIO_E_STATE);
    device_free(d);
}

/* IMP-PCI-02, DRV-PCI-10: what has another capability id or a reserved type is not ours, whatever it looks like. */
static void capabilities_of_other_kinds_are_skipped(void **state)
{
    struct device *d = device_new(VIRTIO_ID_ENTROPY);
    struct device_window elsewhere = {4, 0x100, 64};

    (void)state;
    device_pci_capability(d, 0xc0, LAUNCHER_PCI_CAP_COMMON, VIRTIO_PCI_CAP_COMMON_CFG, &elsewhere);
    d->pci[0xc0] = 0x0a; /* not vendor-specific */
    d->pci[0x41] = 0xc0;
    assert_true(reaches(d)); /* registers at 0x100 would be complained about */
    for (unsigned type = 0; type < 256; type++) {
        if (type >= 1 && type <= 5)
            continue;
        d = device_new(VIRTIO_ID_ENTROPY);
        device_pci_capability(d, 0xc0, LAUNCHER_PCI_CAP_COMMON, type, &elsewhere);
        d->pci[0x41] = 0xc0;
        assert_true(reaches(d));
    }
}

/* DRV-PCI-11, IMP-PCI-03: the first that can be used, not the first, and not the last. */
static void first_usable_capability_of_a_type_is_taken(void **state)
{
    struct device *d = device_new(VIRTIO_ID_ENTROPY);
    struct device_window elsewhere = {4, 0x100, 64};

    (void)state;
    device_pci_capability(d, 0xc0, LAUNCHER_PCI_CAP_COMMON, VIRTIO_PCI_CAP_COMMON_CFG, &elsewhere);
    d->pci[0xc0 + 4] = 2; /* a BAR that is not there */
    d->pci[0x41] = 0xc0;
    assert_true(reaches(d));

    d = device_new(VIRTIO_ID_ENTROPY);
    device_pci_capability(d, 0xc0, 0, VIRTIO_PCI_CAP_COMMON_CFG, &elsewhere);
    d->pci[LAUNCHER_PCI_CAP_MSIX + 1] = 0xc0; /* a second one, last in the list */
    assert_true(reaches(d));
}

/* DRV-PCI-13: BAR values 6 to 255 are reserved. */
static void reserved_bar_values_are_skipped(void **state)
{
    (void)state;
    for (unsigned bar = 6; bar < 256; bar++) {
        struct device *d = device_new(VIRTIO_ID_ENTROPY);
        struct device_window elsewhere = {bar, 0, 64};

        device_pci_capability(d, 0xc0, LAUNCHER_PCI_CAP_COMMON, VIRTIO_PCI_CAP_COMMON_CFG,
                              &elsewhere);
        d->pci[0x41] = 0xc0;
        assert_true(reaches(d));
    }
}

/* An offset and a length that wrap in 32 bits, or leave the BAR by a byte. */
static void structure_outside_its_bar_is_not_used(void **state)
{
    static const struct {
        uint32_t offset, length;
        bool usable;
    } cases[] = {
        {0x4000 - 56, 56, true},
        {0x4000 - 56 + 4, 56, false},
        {0xffffffc0, 0x40, false},
        {0xfffffffc, 0xffffffff, false},
        {0x3ffc, 0xfffff000, false},
        {0, 0xffffffff, false},
        {0x80000000, 0x80000000, false},
        {0, 55, false},
        {0, 0, false},
        {2, 56, false},
        {0, 0x4000, true},
        {0x4000, 0, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct device *d = device_new(VIRTIO_ID_ENTROPY);

        put32(d, LAUNCHER_PCI_CAP_COMMON + 8, cases[i].offset);
        put32(d, LAUNCHER_PCI_CAP_COMMON + 12, cases[i].length);
        d->function->common.offset = cases[i].offset;
        assert_int_equal(reaches(d), cases[i].usable);
    }
}

/* DRV-PCI-12: a longer capability than the specification's is fine; a shorter one, or one that leaves the space, is not. */
static void capability_lengths_are_checked_but_not_for_equality(void **state)
{
    static const struct {
        unsigned length;
        bool usable;
    } cases[] = {{16, true},
                 {17, true},
                 {64, true},
                 {256 - LAUNCHER_PCI_CAP_COMMON, true},
                 {256 - LAUNCHER_PCI_CAP_COMMON + 1, false},
                 {255, false},
                 {15, false},
                 {0, false}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct device *d = device_new(VIRTIO_ID_ENTROPY);

        d->pci[LAUNCHER_PCI_CAP_COMMON + 2] = (uint8_t)cases[i].length;
        assert_int_equal(reaches(d), cases[i].usable);
    }
}

static void capability_at_the_very_end_stays_in_configuration_space(void **state)
{
    (void)state;
    for (unsigned at = 0xf4; at <= 0xfc; at += 4)
        for (unsigned id = 9; id <= 0x11; id += 8) {
            struct device *d = device_new(VIRTIO_ID_ENTROPY);

            d->pci[at] = (uint8_t)id; /* vendor-specific, and MSI-X */
            d->pci[at + 1] = LAUNCHER_PCI_CAP_COMMON;
            d->pci[at + 2] = 20;
            d->pci[at + 3] = VIRTIO_PCI_CAP_NOTIFY_CFG;
            d->pci[0x41] = (uint8_t)at;
            d->pci[LAUNCHER_PCI_CAP_MSIX] = 1;
            assert_int_equal(init(d), 0);
            assert_true(d->dev.reachable);
            device_free(d);
        }
}

/* DRV-PCI-15, DRV-PCI-16: far larger structures than needed, in a BAR beyond 4 GiB. */
static void structures_may_be_larger_than_the_specification_says(void **state)
{
    struct plain plain = {.queues = 2, .size = 8};
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->function->bar_size[4] = 1ull << 40;
    d->function->common = (struct launcher_pci_structure){0x10000000, 0xf0000000};
    d->function->notify = (struct launcher_pci_structure){0xfffff000, 0xffffffff};
    device_pci_fill(d);
    device_give_memory(d, &plain_driver, 8);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), 0);
    device_free(d);
}

/* IMP-PCI-06, IMP-PCI-07: the smallest common structure; fields of features that are not accepted are not touched. */
static void common_structure_of_56_bytes_is_enough(void **state)
{
    struct plain_rig rig;

    (void)state;
    plain_rig_make(
        &rig, 8); /* its window is that large, and the device complains about accesses beyond */
    assert_int_equal(rig.d->function->common.length, 56);
    assert_int_equal(rig.d->dev.state, VIRTIO_LIVE);
    device_free(rig.d);
}

/* ---- Notifications ---- */

struct notify_case {
    uint64_t window_offset, window_length, bar;
    uint32_t multiplier;
    uint16_t off;
    bool usable;
};

static void check_notify(const struct notify_case *c)
{
    static uint8_t byte;
    const struct virtio_piece piece = {&byte, 1};
    struct virtio_request request = {0}, *done;
    struct plain_rig rig = {.plain = {.queues = 1, .size = 8}};
    int error;

    rig.d = device_new(VIRTIO_ID_ENTROPY);
    rig.d->function->bar_size[4] = c->bar;
    rig.d->function->notify = (struct launcher_pci_structure){c->window_offset, c->window_length};
    rig.d->personality.notify_multiplier = c->multiplier;
    rig.d->host->queues[0].notify_off = c->off;
    device_pci_fill(rig.d);
    device_give_memory(rig.d, &plain_driver, 8);
    assert_int_equal(device_discover(rig.d, &rig.bus), 0);
    error = plain_rig_claim(&rig);
    assert_int_equal(error, c->usable ? 0 : -VIRTIO_E_QUEUE);
    if (c->usable) {
        assert_int_equal(virtqueue_add(rig.plain.queue[0], &request, &piece, 1, 0), 0);
        virtqueue_kick(rig.plain.queue[0]);
        assert_int_equal(rig.d->host->queues[0].notifications, 1);
        assert_int_equal(virtqueue_poll(rig.plain.queue[0], &done), 0);
        assert_ptr_equal(done, &request);
    } else {
        assert_non_null(device_logged(rig.d, "notify address"));
        assert_int_equal(device_count_common(rig.d, DEVICE_WRITE, COMMON(queue_enable)), 0);
    }
    device_free(rig.d);
}

/*
 * IMP-PCI-09: offset times multiplier, in 64 bits and inside the capability. Cut to 32 or 16 bits, some of these would
 * ring another queue's bell, or write to another register.
 */
static void notify_address_is_computed_in_64_bits_and_checked(void **state)
{
    static const struct notify_case cases[] = {
        {0x3000, 0x1000, 0x4000, 4, 3, true},
        {0x3000, 0x1000, 0x4000, 0, 0xffff, true}, /* all queues share one register */
        {0x3000, 2, 0x4000, 0, 0, true},
        {0x3000, 0x1000, 0x4000, 2, 0x7ff, true},                     /* the last two bytes */
        {0x3000, 0x1000, 0x4000, 2, 0x800, false},                    /* one behind them */
        {0x3000, 0x1000, 0x4000, 4, 0x4000, false},                   /* 16 bits of it are 0 */
        {0x3000, 0x1000, 0x4000, 0x20000, 0x8000, false},             /* 32 bits of it are 0 */
        {0x3000, 0x1000, 0x4000, 0xffffffff, 0xffff, false},          /* the largest product */
        {0x3000, 0x1000, 0x4000, 1, 3, false},                        /* not aligned */
        {0xf0000000, 0x80000000, 0x200000000, 0x10000, 0x7000, true}, /* beyond 4 GiB in the BAR */
        {0xf0000000, 0xf0000000, 0x200000000, 0x10000, 0xe000, true},
        {0x3002, 0x100, 0x4000, 2, 1, true}, /* 2-byte alignment is all that is promised */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_notify(&cases[i]);
}

static void device_without_a_usable_notify_structure_cannot_be_driven(void **state)
{
    static const struct {
        uint8_t length; /* of the capability: too short for the multiplier */
        uint32_t bytes; /* of the structure: leave the BAR, or are less than a notification */
    } cases[] = {{0, 4}, {15, 4}, {16, 4}, {19, 4}, {20, UINT32_MAX}, {20, 1}, {20, 0}};
    struct plain plain = {.queues = 1, .size = 8};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct virtio_bus bus = {0};
        struct device *d = device_new(VIRTIO_ID_ENTROPY);

        d->pci[LAUNCHER_PCI_CAP_NOTIFY + 2] = cases[i].length;
        put32(d, LAUNCHER_PCI_CAP_NOTIFY + 12, cases[i].bytes);
        device_give_memory(d, &plain_driver, 8);
        assert_int_equal(device_discover(d, &bus), 0); /* it can be reset all the same */
        assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), -VIRTIO_E_QUEUE);
        device_free(d);
    }
}

/* ---- Interrupts ---- */

/* DRV-PCI-37, DRV-PCI-40, DRV-PCI-41: whatever the table size, no vector is used, so none can be out of range. */
static void no_interrupt_vector_is_ever_used(void **state)
{
    static const unsigned sizes[] = {0, 1, 3, 0x7ff};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct plain plain = {.queues = 2, .size = 8};
        struct virtio_bus bus = {0};
        struct device *d = device_new(VIRTIO_ID_ENTROPY);

        put16(d, LAUNCHER_PCI_CAP_MSIX + 2, 0x8000 | sizes[i]);
        device_give_memory(d, &plain_driver, 8);
        assert_int_equal(device_discover(d, &bus), 0);
        assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), 0);
        assert_false(device_msix_enabled(d));
        assert_int_equal(d->host->config_vector, VIRTIO_MSI_NO_VECTOR);
        assert_int_equal(d->host->queues[0].vector, VIRTIO_MSI_NO_VECTOR);
        assert_int_equal(d->host->queues[1].vector, VIRTIO_MSI_NO_VECTOR);
        device_free(d);
    }
}

static void device_without_msix_works(void **state)
{
    struct plain plain = {.queues = 1, .size = 8};
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_ENTROPY);

    (void)state;
    d->pci[LAUNCHER_PCI_CAP_WINDOW + 1] = 0;
    device_give_memory(d, &plain_driver, 8);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(virtio_claim(&bus, &d->dev, &plain_driver, &plain), 0);
    assert_int_equal(virtio_handoff(&bus), 0);
    device_free(d);
}

static void intx_disable_is_restored_as_it_was_found(void **state)
{
    (void)state;
    for (unsigned found = 0; found <= 0x400; found += 0x400) {
        struct plain_rig rig;

        rig = (struct plain_rig){.plain = {.queues = 1, .size = 8}};
        rig.d = device_new(VIRTIO_ID_ENTROPY);
        put16(rig.d, 4, found | 2);
        device_give_memory(rig.d, &plain_driver, 8);
        assert_int_equal(device_discover(rig.d, &rig.bus), 0);
        assert_int_equal(plain_rig_claim(&rig), 0);
        assert_int_equal(device_pci_command(rig.d) & 0x404, 0x404);
        assert_int_equal(virtio_release(&rig.bus, &rig.d->dev), 0);
        assert_int_equal(device_pci_command(rig.d) & 0x404, found);
        device_free(rig.d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modern_ids_name_the_device_type),
        cmocka_unit_test(transitional_ids_name_the_device_type),
        cmocka_unit_test(other_functions_are_left_alone),
        cmocka_unit_test(init_writes_only_the_command_register),
        cmocka_unit_test(init_leaves_a_command_register_that_decodes_already),
        cmocka_unit_test(transitional_device_is_driven_as_modern),
        cmocka_unit_test(device_with_a_legacy_interface_only_is_reset_but_not_claimed),
        cmocka_unit_test(legacy_device_that_does_not_reset_is_stuck),
        cmocka_unit_test(legacy_block_needs_ports_and_room),
        cmocka_unit_test(capability_list_that_loops_ends),
        cmocka_unit_test(longest_possible_capability_list_is_walked),
        cmocka_unit_test(capability_pointers_below_the_header_end_the_list),
        cmocka_unit_test(device_without_a_common_structure_is_unreachable),
        cmocka_unit_test(capabilities_of_other_kinds_are_skipped),
        cmocka_unit_test(first_usable_capability_of_a_type_is_taken),
        cmocka_unit_test(reserved_bar_values_are_skipped),
        cmocka_unit_test(structure_outside_its_bar_is_not_used),
        cmocka_unit_test(capability_lengths_are_checked_but_not_for_equality),
        cmocka_unit_test(capability_at_the_very_end_stays_in_configuration_space),
        cmocka_unit_test(structures_may_be_larger_than_the_specification_says),
        cmocka_unit_test(common_structure_of_56_bytes_is_enough),
        cmocka_unit_test(notify_address_is_computed_in_64_bits_and_checked),
        cmocka_unit_test(device_without_a_usable_notify_structure_cannot_be_driven),
        cmocka_unit_test(no_interrupt_vector_is_ever_used),
        cmocka_unit_test(device_without_msix_works),
        cmocka_unit_test(intx_disable_is_restored_as_it_was_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
