/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slate's life cycle and drivers on the bus that the reset function was introduced for (launcher/page.h), and its three
 * promises one by one: a driver can be replaced by one with other features, queues can be shut down cleanly, and a device
 * that was left in any state recovers. The legacy interface of the core (VIRTIO 1.4, 2.7.2 and its like) is seen here as well.
 */
#include "launcher/guest/lguest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/blk.h"
#include "drivers/console.h"
#include "launcher/blk.h"
#include "launcher/console.h"
#include "launcher/device.h"
#include "launcher/page.h"
#include "launcher/ring.h"
#include "tests/unit/support/page_machine.h"

#define BIT(bit)          (1ull << (bit))
#define MILLISECOND       1000000ull
#define DESCRIPTOR(field) offsetof(struct launcher_page_descriptor, field)

enum {
    LATENCY = 50000, /* ns */
    BYTES = 4096,    /* of the reads below */
    NEVER = 1 << 30, /* ns: beyond all deadlines of these tests */
};

static int claim(struct page_device *device, struct virtio_blk *blk)
{
    return virtio_claim(&device->machine->bus, &device->dev, &virtio_blk_driver, blk);
}

static void check_read(struct virtio_blk *blk, uint64_t sector)
{
    uint8_t bytes[BYTES] = {0};
    struct virtio_blk_extent extent = {sector, bytes, sizeof(bytes)};

    assert_int_equal(virtio_blk_read(blk, &extent, 1), 0);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], page_machine_pattern(sector * VIRTIO_BLK_SECTOR + i));
}

/* A request for BYTES at sector 0 that is in flight, with `bytes` of a known filling. */
static void submit_read(struct virtio_blk *blk, struct virtio_blk_request *request, uint8_t *bytes)
{
    memset(bytes, 0x77, BYTES);
    *request = (struct virtio_blk_request){.type = VIRTIO_BLK_T_IN, .data = bytes, .length = BYTES};
    assert_int_equal(virtio_blk_submit(blk, request), 0);
    virtio_blk_kick(blk);
}

static bool filled(const uint8_t *bytes, size_t length, uint8_t value)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

/* The host works on for a while. */
static void pass(struct page_machine *machine, uint64_t ns)
{
    machine->now += ns;
    for (unsigned i = 0; i < machine->count; i++)
        launcher_run(machine->devices[i]->host, machine->now);
}

static bool logged(const struct page_machine *machine, const char *text)
{
    return strstr(machine->log, text) != NULL;
}

/* ---- Life on the page ---- */

/* DRV-INIT-15, DRV-FEAT-13: ACKNOWLEDGE, DRIVER, DRIVER_OK, and no FEATURES_OK, on which the referee insists. */
static void drivers_work_over_the_page(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};

    (void)state;
    assert_int_equal(disk->dev.state, VIRTIO_CLEAN);
    assert_int_equal(disk->host->status, VIRTIO_STATUS_ACKNOWLEDGE);
    assert_int_equal(disk->host->resets, 1);
    assert_int_equal(claim(disk, &blk), 0);
    assert_int_equal(disk->host->status,
                     VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK);
    assert_int_equal(blk.sectors, 64);
    for (uint64_t sector = 0; sector <= 56; sector++)
        check_read(&blk, sector);
    assert_int_equal(virtio_release(&machine->bus, &disk->dev), 0);
    assert_int_equal(disk->host->status, VIRTIO_STATUS_ACKNOWLEDGE);
    page_machine_free(machine);
}

static void writes_reach_the_disk(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, 0);
    struct virtio_blk blk = {0};
    uint8_t bytes[BYTES], back[BYTES];
    struct virtio_blk_extent extent = {8, bytes, sizeof(bytes)};

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    memset(bytes, 0x3c, sizeof(bytes));
    assert_int_equal(virtio_blk_write(&blk, &extent, 1), 0);
    assert_int_equal(virtio_blk_flush(&blk), 0);
    assert_true(launcher_blk_read(disk->host, 8, back, BYTES / VIRTIO_BLK_SECTOR));
    assert_memory_equal(back, bytes, sizeof(bytes));
    page_machine_free(machine);
}

/* DRV-CON-07 */
static void console_talks_over_the_page(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *device = page_machine_plug(
        machine, &(struct launcher_options){.type = VIRTIO_ID_CONSOLE, .columns = 100, .rows = 30});
    struct virtio_console console = {0};
    char typed[16];
    size_t length;

    (void)state;
    assert_int_equal(page_machine_find(machine), 1);
    page_machine_give(device, &virtio_console_driver, 256);
    assert_int_equal(virtio_claim(&machine->bus, &device->dev, &virtio_console_driver, &console),
                     0);
    assert_int_equal(console.columns, 100);
    assert_int_equal(console.rows, 30);
    assert_int_equal(virtio_console_write(&console, "hello, host\n", 12), 0);
    assert_int_equal(virtio_console_flush(&console), 0);
    assert_memory_equal(launcher_console_output(device->host, 0, &length), "hello, host\n", 12);
    assert_int_equal(length, 12);
    assert_true(launcher_console_type(device->host, 0, "hello, guest", 12));
    pass(machine, MILLISECOND);
    assert_int_equal(virtio_console_read(&console, typed, sizeof(typed), &length), 0);
    assert_int_equal(length, 12);
    assert_memory_equal(typed, "hello, guest", 12);
    /* What is not a whole line yet goes out before the driver does. */
    assert_int_equal(virtio_console_write(&console, "bye", 3), 0);
    assert_int_equal(virtio_release(&machine->bus, &device->dev), 0);
    assert_memory_equal(launcher_console_output(device->host, 0, &length), "hello, host\nbye", 15);
    assert_int_equal(length, 15);
    page_machine_free(machine);
}

/* DRV-SPLIT-05, DRV-SPLIT-06, DRV-SPLIT-07, IMP-PCILEG-07: one block, the used ring on a page of its own, of the device's size. */
static void rings_are_laid_out_as_legacy_devices_want_them(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, 0);
    const struct launcher_queue *queue = &disk->host->queues[0];
    struct virtio_blk blk = {0};

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    assert_int_equal(virtqueue_size(blk.queue), 128); /* DRV-SPLIT-04 */
    assert_int_not_equal(queue->pfn, 0);
    assert_int_equal(queue->desc, (uint64_t)queue->pfn * 4096);
    assert_int_equal(queue->driver, queue->desc + 128 * 16);
    assert_int_equal(queue->device, queue->desc + 4096);
    page_machine_free(machine);
}

/* DRV-BLK-12, DRV-BLK-43, DRV-BLK-50, DRV-BLK-51, DRV-BLK-52: a header, the data and a status, each on its own. */
static void request_has_the_layout_of_legacy_devices(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, NEVER);
    struct virtio_blk blk = {0};
    struct virtio_blk_request request;
    const struct launcher_chain *chain;
    uint8_t bytes[BYTES];

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    submit_read(&blk, &request, bytes);
    assert_int_equal(disk->host->queues[0].flight_count, 1);
    chain = disk->host->queues[0].flight[0];
    assert_int_equal(chain->count, 3);
    assert_int_equal(chain->segments[0].length, sizeof(struct virtio_blk_req_header));
    assert_int_equal(chain->segments[1].length, BYTES);
    assert_int_equal(chain->segments[2].length, 1);
    assert_false(chain->segments[0].writable);
    assert_true(chain->segments[1].writable && chain->segments[2].writable);
    assert_int_equal(virtio_reset(&disk->dev), 0);
    page_machine_free(machine);
}

/* DRV-RFB-15, IMP-CORE-04: ANY_LAYOUT is accepted where only legacy devices are; what the rings here cannot do is not. */
static void features_of_legacy_rings_are_chosen_for_legacy_devices(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk;
    struct virtio_blk blk = {0};

    (void)state;
    disk = page_machine_plug(
        machine, &(struct launcher_options){
                     .type = VIRTIO_ID_BLOCK,
                     .sectors = 64,
                     .only_features = true,
                     .features = BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_F_ANY_LAYOUT) |
                                 BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | BIT(VIRTIO_F_INDIRECT_DESC) |
                                 BIT(VIRTIO_F_EVENT_IDX) | BIT(VIRTIO_F_VERSION_1)});
    assert_int_equal(page_machine_find(machine), 1);
    page_machine_give(disk, &virtio_blk_driver, 256);
    assert_int_equal(claim(disk, &blk), 0);
    assert_int_equal(disk->dev.negotiated.mask, BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_F_ANY_LAYOUT));
    assert_int_equal(disk->host->accepted, disk->dev.negotiated.mask);
    page_machine_free(machine);
}

/* All that stand on a page, known or not, are found, reset, and reset again for whoever comes next. */
static void all_devices_of_a_page_live_side_by_side(void **state)
{
    static const uint32_t types[] = {VIRTIO_ID_BALLOON, VIRTIO_ID_BLOCK, 99, VIRTIO_ID_CONSOLE};
    struct page_machine *machine = page_machine_new();
    struct virtio_console console = {0};
    struct virtio_blk blk = {0};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        (void)page_machine_plug(machine,
                                &(struct launcher_options){.type = types[i], .sectors = 64});
    assert_int_equal(page_machine_find(machine), 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(machine->devices[i]->dev.id, types[i]);
        assert_int_equal(machine->devices[i]->dev.state, VIRTIO_CLEAN);
    }
    page_machine_give(machine->devices[1], &virtio_blk_driver, 256);
    page_machine_give(machine->devices[3], &virtio_console_driver, 256);
    assert_int_equal(claim(machine->devices[1], &blk), 0);
    assert_int_equal(
        virtio_claim(&machine->bus, &machine->devices[3]->dev, &virtio_console_driver, &console),
        0);
    assert_int_equal(virtio_console_write(&console, "one line\n", 9), 0);
    assert_int_equal(virtio_handoff(&machine->bus), 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(machine->devices[i]->host->status, 0);
        assert_int_equal(machine->devices[i]->dev.state, VIRTIO_CLEAN);
    }
    assert_int_equal(machine->devices[3]->host->queues[1].used, 1); /* flushed before */
    page_machine_free(machine);
}

/* ---- Promise 1, renegotiate: drivers come and go with features of their own, and the guest runs on ---- */

/* A driver that knows nothing of blk's features. */
static int plain_probe(struct virtio_device *dev)
{
    virtio_driver_ok(dev);
    return 0;
}

static void plain_remove(struct virtio_device *dev)
{
    (void)virtio_reset(dev);
}

static const uint8_t plain_features[] = {VIRTIO_BLK_F_RO};
static const struct virtio_driver plain_disk_driver = {
    .name = "plain disk",
    .device_id = VIRTIO_ID_BLOCK,
    .features = plain_features,
    .feature_count = sizeof(plain_features),
    .probe = plain_probe,
    .remove = plain_remove,
};

static void promise_1_next_driver_has_other_features(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};
    uint64_t first;

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    first = disk->host->accepted;
    assert_true((first & BIT(VIRTIO_BLK_F_FLUSH)) != 0);
    assert_int_equal(virtio_release(&machine->bus, &disk->dev), 0);
    assert_int_equal(disk->host->accepted, 0); /* the reset took them back, not the next driver */

    assert_int_equal(virtio_claim(&machine->bus, &disk->dev, &plain_disk_driver, NULL), 0);
    assert_int_equal(disk->host->accepted, 0);
    assert_int_equal(virtio_release(&machine->bus, &disk->dev), 0);

    blk = (struct virtio_blk){0};
    assert_int_equal(claim(disk, &blk), 0);
    assert_int_equal(disk->host->accepted, first);
    check_read(&blk, 3);
    page_machine_free(machine);
}

/* A device that offers less than before is asked again, not remembered. */
static void promise_1_offer_is_read_again_after_a_reset(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    assert_true(blk.can_flush);
    assert_int_equal(virtio_reset(&disk->dev), 0);
    disk->host->offered &= ~BIT(VIRTIO_BLK_F_FLUSH);
    assert_int_equal(virtio_restart(&disk->dev), 0);
    assert_false(blk.can_flush);
    assert_int_equal(disk->host->accepted & BIT(VIRTIO_BLK_F_FLUSH), 0);
    check_read(&blk, 3);
    page_machine_free(machine);
}

/* ---- Promise 2, shut queues down: what was given to the host is the guest's again when status reads 0 ---- */

static void promise_2_host_uses_no_buffer_after_a_reset(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};
    struct virtio_blk_request request;
    uint8_t bytes[BYTES];

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    submit_read(&blk, &request, bytes);
    assert_int_equal(disk->host->queues[0].flight_count, 1);
    assert_int_equal(virtio_reset(&disk->dev), 0);
    assert_int_equal(request.request.state, VIRTIO_REQUEST_DEAD);
    assert_int_equal(disk->host->queues[0].flight_count, 0);

    /* The memory is ours: whatever comes of it, the host does not see it. */
    memset(disk->rings, 0x99, disk->env.dma_len);
    pass(machine, 1000 * MILLISECOND);
    assert_true(filled(bytes, BYTES, 0x77));
    assert_true(filled(disk->rings, disk->env.dma_len, 0x99));
    page_machine_free(machine);
}

/* The host itself clears the rings, and has done so when status reads 0. */
static void promise_2_rings_are_zero_when_the_reset_is_confirmed(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};
    uint8_t *rings;

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    check_read(&blk, 0);
    rings = disk->rings + (disk->host->queues[0].desc - disk->env.dma_bus);
    assert_false(filled(rings, 2 * 4096, 0));
    launcher_fault_arm(disk->host, LAUNCHER_FAULT_RESET_SLOW, 0, 1, 20);
    assert_int_equal(virtio_reset(&disk->dev), 0);
    assert_true(filled(rings, 2 * 4096, 0));
    assert_int_equal(disk->host->queues[0].pfn, 0);
    page_machine_free(machine);
}

/*
 * The driver resets, because it may have to talk to the host before: blk lets its requests finish, a console sends what
 * it has.
 */
static void promise_2_driver_talks_to_the_host_while_it_is_removed(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};
    struct virtio_blk_request request = {0};
    uint8_t bytes[BYTES], back[BYTES];

    (void)state;
    assert_int_equal(claim(disk, &blk), 0);
    memset(bytes, 0x42, sizeof(bytes));
    request = (struct virtio_blk_request){.type = VIRTIO_BLK_T_OUT, .data = bytes, .length = BYTES};
    assert_int_equal(virtio_blk_submit(&blk, &request), 0);
    virtio_blk_kick(&blk);
    assert_int_equal(virtio_release(&machine->bus, &disk->dev), 0);
    assert_int_equal(request.request.state, VIRTIO_REQUEST_DONE);
    assert_true(launcher_blk_read(disk->host, 0, back, BYTES / VIRTIO_BLK_SECTOR));
    assert_memory_equal(back, bytes, BYTES);
    assert_int_equal(disk->host->status, VIRTIO_STATUS_ACKNOWLEDGE);
    page_machine_free(machine);
}

static void leave_running(struct virtio_device *dev)
{
    (void)dev;
}

/* A driver that left its device running is reported and made up for, and the next one gets the device. */
static void promise_2_core_resets_what_a_driver_left_running(void **state)
{
    struct virtio_driver careless = virtio_blk_driver;
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};
    struct virtio_blk_request request;
    uint8_t bytes[BYTES];

    (void)state;
    careless.remove = leave_running;
    assert_int_equal(virtio_claim(&machine->bus, &disk->dev, &careless, &blk), 0);
    submit_read(&blk, &request, bytes);
    assert_int_equal(virtio_release(&machine->bus, &disk->dev), 0);
    assert_true(logged(machine, "left the device running"));
    assert_int_equal(request.request.state, VIRTIO_REQUEST_DEAD);
    pass(machine, 1000 * MILLISECOND);
    assert_true(filled(bytes, BYTES, 0x77));
    assert_int_equal(disk->host->status, VIRTIO_STATUS_ACKNOWLEDGE);

    blk = (struct virtio_blk){0};
    assert_int_equal(claim(disk, &blk), 0);
    check_read(&blk, 3);
    page_machine_free(machine);
}

/* A reset that is not confirmed promises nothing: all that the host may still use is kept from others. */
static void promise_2_is_not_made_before_status_reads_0(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};
    struct virtio_blk_request request;
    uint8_t bytes[BYTES];

    (void)state;
    machine->tick_ns = MILLISECOND;
    assert_int_equal(claim(disk, &blk), 0);
    submit_read(&blk, &request, bytes);
    launcher_fault_arm(disk->host, LAUNCHER_FAULT_RESET_NEVER, 0, 1, 0);
    assert_int_equal(virtio_reset(&disk->dev), -VIRTIO_E_STUCK);
    assert_int_equal(disk->dev.state, VIRTIO_STUCK);
    assert_int_equal(request.request.state, VIRTIO_REQUEST_DEVICE);
    assert_int_equal(virtio_handoff(&machine->bus), 1);
    page_machine_free(machine);
}

/* ---- Promise 3, recover: a reset mends what the driver before did ---- */

/* The bytes of a descriptor, behind Slate's back. */
static void mess(struct page_machine *machine, unsigned offset, unsigned width, uint32_t value)
{
    page_machine_io.write(machine, LAUNCHER_PAGE_REGION, offset, width, value);
}

/* The state in which a predecessor leaves the only device of the machine; rings are at the start of `rings`. */
static void leave_status(struct page_machine *machine)
{
    mess(machine, DESCRIPTOR(status), 1, 0xff);
}

static void leave_features(struct page_machine *machine)
{
    leave_status(machine);
    for (unsigned i = 0; i < 4; i++)
        mess(machine,
             sizeof(struct launcher_page_descriptor) + sizeof(struct launcher_page_queue) + 4 + i,
             1, 0xff);
}

static void leave_wild_page(struct page_machine *machine)
{
    leave_status(machine);
    mess(machine, sizeof(struct launcher_page_descriptor) + 4, 4, 0xdeadbeef);
    page_machine_io.write(machine, LAUNCHER_PAGE_NOTIFY_REGION, 0xdeadbeef000, 2, 0);
}

static void leave_failed(struct page_machine *machine)
{
    mess(machine, DESCRIPTOR(status), 1, VIRTIO_STATUS_FAILED);
}

static void leave_zero_status(struct page_machine *machine)
{
    leave_features(machine);
    mess(machine, DESCRIPTOR(status), 1, 0);
}

static void promise_3_any_state_that_was_left_is_taken_over(void **state)
{
    static void (*const leave[])(struct page_machine *) = {
        leave_status, leave_features, leave_wild_page, leave_failed, leave_zero_status,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(leave) / sizeof(leave[0]); i++) {
        struct page_machine *machine = page_machine_new();
        struct page_device *disk = page_machine_disk(machine, LATENCY);
        struct virtio_blk blk = {0};

        leave[i](machine);
        launcher_forget_violations(disk->host); /* of the predecessor */
        machine->bus = (struct virtio_bus){0};
        assert_int_equal(page_machine_find(machine), 1);
        assert_int_equal(disk->host->accepted, 0);
        assert_int_equal(disk->host->queues[0].pfn, 0);
        launcher_forget_violations(disk->host); /* rings that are nowhere cannot be zeroed */
        machine->unmapped_uses = 0;
        assert_int_equal(claim(disk, &blk), 0);
        check_read(&blk, 7);
        page_machine_free(machine);
    }
}

/* Live, with requests in flight, in the hands of another kernel that is gone. */
static void promise_3_live_device_of_a_predecessor_is_taken_over(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk old = {0}, blk = {0};
    struct virtio_blk_request request;
    uint8_t bytes[BYTES];

    (void)state;
    assert_int_equal(claim(disk, &old), 0);
    submit_read(&old, &request, bytes);
    virtio_blk_kick(&old);
    /* Nobody said goodbye. The new one finds what is on the page, and knows of nothing else. */
    machine->bus = (struct virtio_bus){0};
    assert_int_equal(page_machine_find(machine), 1);
    assert_int_equal(disk->dev.found_status, 7);
    assert_int_equal(disk->host->queues[0].flight_count, 0);
    for (unsigned i = 0; i < PAGE_MACHINE_MAPPINGS; i++)
        disk->mappings[i].live = false;
    assert_int_equal(claim(disk, &blk), 0);
    check_read(&blk, 7);
    assert_true(filled(bytes, BYTES, 0x77));
    page_machine_free(machine);
}

/* A thousand messes from a seed: bytes and notifies anywhere. */
static void promise_3_random_messes_are_taken_over(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        struct page_machine *machine = page_machine_new();
        struct page_device *disk = page_machine_disk(machine, LATENCY);
        struct virtio_blk blk = {0};

        for (unsigned i = 0; i < 10; i++) {
            seed = seed * 1664525 + 1013904223;
            mess(machine, seed >> 8 & 63, 1u << (seed >> 16 & 1) * 2, seed);
            page_machine_io.write(machine, LAUNCHER_PAGE_NOTIFY_REGION,
                                  (uint64_t)disk->host->queues[0].pfn * 4096, 2, 0);
        }
        machine->bus = (struct virtio_bus){0};
        assert_int_equal(page_machine_find(machine), 1);
        launcher_forget_violations(disk->host);
        machine->unmapped_uses = 0;
        assert_int_equal(claim(disk, &blk), 0);
        check_read(&blk, 7);
        page_machine_free(machine);
    }
}

/* Nor does a device that breaks in the middle of its work stay broken. */
static void promise_3_broken_device_works_again(void **state)
{
    static const enum launcher_fault faults[] = {
        LAUNCHER_FAULT_NEVER,           LAUNCHER_FAULT_NEEDS_RESET, LAUNCHER_FAULT_ID_NOT_IN_FLIGHT,
        LAUNCHER_FAULT_ID_OUT_OF_RANGE, LAUNCHER_FAULT_INDEX_AHEAD,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct page_machine *machine = page_machine_new();
        struct page_device *disk = page_machine_disk(machine, LATENCY);
        struct virtio_blk blk = {0};

        machine->tick_ns = MILLISECOND;
        assert_int_equal(claim(disk, &blk), 0);
        check_read(&blk, 0);
        launcher_fault_arm(disk->host, faults[i], 0, 1, 0);
        check_read(&blk, 9);
        assert_int_equal(blk.restarts, 1);
        check_read(&blk, 1);
        page_machine_free(machine);
    }
}

/* ---- What the legacy interface lacks ---- */

/* DRV-CFG-07, IMP-CORE-06: no generation, so a field is read until it is twice the same. */
static void configuration_is_read_until_it_is_twice_the_same(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};

    (void)state;
    launcher_fault_arm(disk->host, LAUNCHER_FAULT_CONFIG_CHANGES, 2, 5, 0);
    assert_int_equal(claim(disk, &blk), 0);
    assert_int_equal(blk.sectors, 64);
    page_machine_free(machine);
}

static void configuration_that_never_settles_is_an_error(void **state)
{
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_disk(machine, LATENCY);
    struct virtio_blk blk = {0};

    (void)state;
    launcher_fault_arm(disk->host, LAUNCHER_FAULT_CONFIG_CHANGES, 0, 0, 0);
    assert_int_equal(claim(disk, &blk), -VIRTIO_E_CONFIG);
    assert_true(logged(machine, "configuration changed during each of 64 reads"));
    assert_int_equal(disk->dev.state, VIRTIO_CLEAN);
    launcher_fault_disarm(disk->host, LAUNCHER_FAULT_CONFIG_CHANGES);
    assert_int_equal(claim(disk, &blk), 0);
    page_machine_free(machine);
}

/* DRV-INIT-06, where FEATURES_OK does not say that negotiation is over. */
static int write_config(struct virtio_device *dev, struct virtio_features *features)
{
    (void)features;
    assert_int_equal(virtio_config_write(dev, offsetof(struct virtio_blk_config, writeback), 1, 1),
                     -VIRTIO_E_STATE);
    return 0;
}

static int probe_and_write_config(struct virtio_device *dev)
{
    assert_int_equal(virtio_config_write(dev, offsetof(struct virtio_blk_config, writeback), 1, 1),
                     0);
    return plain_probe(dev);
}

static void configuration_is_not_written_during_negotiation(void **state)
{
    static const uint8_t features[] = {VIRTIO_BLK_F_CONFIG_WCE};
    struct virtio_driver driver = plain_disk_driver;
    struct page_machine *machine = page_machine_new();
    struct page_device *disk = page_machine_plug(
        machine, &(struct launcher_options){.type = VIRTIO_ID_BLOCK,
                                            .sectors = 64,
                                            .features = BIT(VIRTIO_BLK_F_CONFIG_WCE)});

    (void)state;
    driver.features = features;
    driver.feature_count = sizeof(features);
    driver.negotiate = write_config;
    driver.probe = probe_and_write_config;
    assert_int_equal(page_machine_find(machine), 1);
    assert_int_equal(virtio_claim(&machine->bus, &disk->dev, &driver, NULL), 0);
    assert_int_equal(virtio_release(&machine->bus, &disk->dev), 0);
    assert_int_equal(virtio_config_write(&disk->dev, 32, 1, 1), -VIRTIO_E_STATE);
    page_machine_free(machine);
}

/* ---- Memory ---- */

static void stated_memory_is_enough_and_less_is_a_clean_error(void **state)
{
    (void)state;
    for (unsigned size = 4; size <= 256; size *= 2) {
        struct page_machine *machine = page_machine_new();
        struct page_device *disk = page_machine_plug(
            machine, &(struct launcher_options){
                         .type = VIRTIO_ID_BLOCK, .sectors = 64, .queue_size = (uint16_t)size});
        struct virtio_blk blk = {0};

        assert_int_equal(page_machine_find(machine), 1);
        page_machine_give(disk, &virtio_blk_driver, size);
        assert_int_equal(claim(disk, &blk), 0);
        assert_int_equal(virtqueue_size(blk.queue), size);
        assert_int_equal(virtio_release(&machine->bus, &disk->dev), 0);

        /* A legacy queue has one size: with less memory there is none (DRV-SPLIT-04). */
        disk->env.dma_len = 8191;
        assert_int_equal(claim(disk, &blk), -VIRTIO_E_NO_MEMORY);
        assert_int_equal(disk->dev.state, VIRTIO_CLEAN);
        page_machine_free(machine);
    }
}

/* Rings that a page number cannot name. DRV-SPLIT-01, IMP-MMIOLEG-14 */
static void rings_without_a_page_number_are_refused(void **state)
{
    static const uint64_t buses[] = {0, 0x10000010, 1ull << 44, UINT64_MAX - 0xfffff};

    (void)state;
    for (unsigned i = 0; i < sizeof(buses) / sizeof(buses[0]); i++) {
        struct page_machine *machine = page_machine_new();
        struct page_device *disk = page_machine_disk(machine, 0);
        struct virtio_blk blk = {0};

        disk->env.dma_bus = buses[i];
        assert_int_equal(claim(disk, &blk), -VIRTIO_E_QUEUE);
        assert_true(logged(machine, "have no 32-bit page number"));
        assert_int_equal(disk->host->queues[0].pfn, 0);
        page_machine_free(machine);
    }
}

/* ---- A page that is not to be trusted ---- */

#define WILD_PAGE 0x1000

struct wild {
    uint8_t bytes[LAUNCHER_PAGE_BYTES];
    uint64_t page_bytes, reach;
    unsigned outside;
};

static uint32_t wild_read(void *ctx, unsigned region, uint64_t offset, unsigned width)
{
    struct wild *wild = ctx;
    uint32_t value = 0;

    if (region != LAUNCHER_PAGE_REGION || offset > sizeof(wild->bytes) - width) {
        wild->outside++;
        return UINT32_MAX;
    }
    memcpy(&value, wild->bytes + offset, width);
    return value;
}

static void wild_write(void *ctx, unsigned region, uint64_t offset, unsigned width, uint32_t value)
{
    struct wild *wild = ctx;

    if (region == LAUNCHER_PAGE_NOTIFY_REGION && offset == WILD_PAGE) {
        wild->bytes[DESCRIPTOR(status)] = 0;
        return;
    }
    if (region != LAUNCHER_PAGE_REGION || offset > sizeof(wild->bytes) - width)
        wild->outside++;
    else
        memcpy(wild->bytes + offset, &value, width);
}

static uint64_t wild_size(void *ctx, unsigned region)
{
    const struct wild *wild = ctx;

    return region == LAUNCHER_PAGE_REGION          ? wild->page_bytes
           : region == LAUNCHER_PAGE_NOTIFY_REGION ? wild->reach
                                                   : 0;
}

static const struct virtio_io wild_io = {.read = wild_read, .write = wild_write, .size = wild_size};

static int init_wild(struct wild *wild, struct virtio_device *dev, unsigned *at)
{
    static const struct virtio_env env;

    return lguest_init(dev, "wild", &wild_io, wild, &env, WILD_PAGE, at);
}

static void descriptors_that_leave_the_page_are_refused(void **state)
{
    struct wild wild = {.page_bytes = LAUNCHER_PAGE_BYTES, .reach = LAUNCHER_PAGE_NOTIFY_BYTES};
    struct virtio_device dev;
    unsigned at = 0;

    (void)state;
    assert_int_equal(init_wild(&wild, &dev, &at), -VIRTIO_E_NO_DEVICE);
    /* The longest there can be fits once. */
    memset(wild.bytes, 0xff, sizeof(wild.bytes));
    assert_int_equal(init_wild(&wild, &dev, &at), 0);
    assert_int_equal(at, 5 + 255 * 8 + 2 * 255 + 255);
    assert_int_equal(dev.config.offset + dev.config.length, at);
    assert_int_equal(init_wild(&wild, &dev, &at), -VIRTIO_E_UNREACHABLE);
    assert_false(dev.reachable);
    for (at = LAUNCHER_PAGE_BYTES - 4; at < LAUNCHER_PAGE_BYTES + 8; at++) {
        unsigned next = at;

        assert_int_equal(init_wild(&wild, &dev, &next), -VIRTIO_E_NO_DEVICE);
    }
    assert_int_equal(wild.outside, 0);
}

static void missing_regions_are_an_error(void **state)
{
    static const struct {
        uint64_t page_bytes, reach;
    } cases[] = {{4095, 1 << 20}, {4096, 0}, {4096, 0xfff}, {4096, 0x1fff}, {0, 0}};
    struct virtio_device dev;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wild wild = {.page_bytes = cases[i].page_bytes, .reach = cases[i].reach};
        unsigned at = 0;

        wild.bytes[0] = VIRTIO_ID_BLOCK;
        assert_int_equal(init_wild(&wild, &dev, &at), -VIRTIO_E_UNREACHABLE);
        assert_int_equal(wild.outside, 0);
    }
}

static uint64_t wild_now(void *ctx)
{
    return *(uint64_t *)ctx += MILLISECOND;
}

static int probe_one_queue(struct virtio_device *dev)
{
    struct virtqueue *queue;
    int error = virtqueue_create(dev, 0, 8, &queue);

    return error != 0 ? error : plain_probe(dev);
}

static int probe_second_queue(struct virtio_device *dev)
{
    struct virtqueue *queue;
    int error = virtqueue_create(dev, 1, 8, &queue);

    return error != 0 ? error : plain_probe(dev);
}

/* A disk with one queue of 8 entries and 8 bytes of features; the outcome of a claim, and what was offered to the driver. */
static int claim_wild(struct wild *wild, uint64_t *offered, int (*probe)(struct virtio_device *))
{
    static uint8_t dma[4 * 4096] __attribute__((aligned(4096)));
    static _Alignas(16) uint8_t priv[4096];
    uint64_t now = 0;
    struct virtio_env env = {.dma = dma,
                             .dma_bus = 0x10000000,
                             .dma_len = sizeof(dma),
                             .priv = priv,
                             .priv_len = sizeof(priv),
                             .now_ns = wild_now,
                             .ctx = &now};
    struct virtio_driver driver = plain_disk_driver;
    struct virtio_bus bus = {0};
    struct virtio_device dev;
    unsigned at = 0;
    int error;

    driver.probe = probe;
    memcpy(wild->bytes, (const uint8_t[]){VIRTIO_ID_BLOCK, 1, 8, 0, 0, 8, 0}, 7);
    memcpy(wild->bytes + 13, offered, sizeof(*offered));
    wild->page_bytes = LAUNCHER_PAGE_BYTES;
    assert_int_equal(lguest_init(&dev, "wild", &wild_io, wild, &env, WILD_PAGE, &at), 0);
    assert_int_equal(at, 13 + 16);
    assert_int_equal(virtio_discover(&bus, &dev), 0);
    error = virtio_claim(&bus, &dev, &driver, NULL);
    assert_int_equal(wild->outside, 0);
    *offered = dev.offered.mask;
    return error;
}

/* IMP-PCILEG-05: a host may offer more than 32 bits; a legacy driver knows of none of them. */
static void features_beyond_32_bits_are_left_alone(void **state)
{
    struct wild wild = {.reach = LAUNCHER_PAGE_NOTIFY_BYTES};
    uint64_t offered = UINT64_MAX, accepted;

    (void)state;
    assert_int_equal(claim_wild(&wild, &offered, probe_one_queue), 0);
    assert_int_equal(offered, UINT32_MAX);
    memcpy(&accepted, wild.bytes + 13 + 8, sizeof(accepted));
    assert_int_equal(accepted, BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_F_ANY_LAYOUT));
}

static void queue_that_is_not_there_is_an_error(void **state)
{
    struct wild wild = {.reach = LAUNCHER_PAGE_NOTIFY_BYTES};

    uint64_t offered = 8; /* where a second queue would have its entries */

    (void)state;
    assert_int_equal(claim_wild(&wild, &offered, probe_second_queue), -VIRTIO_E_QUEUE);
}

static void rings_that_no_notify_reaches_are_refused(void **state)
{
    struct wild wild = {.reach = 0x10000000};
    uint64_t offered = 0;

    (void)state;
    assert_int_equal(claim_wild(&wild, &offered, probe_one_queue), -VIRTIO_E_QUEUE);
    wild = (struct wild){.reach = 0x10000001};
    assert_int_equal(claim_wild(&wild, &offered, probe_one_queue), 0);
}

/* Sizes of queues are the host's word, which is not law. */
static void queue_sizes_that_make_no_sense_are_refused(void **state)
{
    static const uint16_t sizes[] = {0, 1, 2, 3, 100, 32769, 65535};

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct page_machine *machine = page_machine_new();
        struct page_device *disk = page_machine_disk(machine, 0);
        struct virtio_blk blk = {0};
        int error;

        disk->host->queues[0].size = sizes[i];
        error = claim(disk, &blk);
        assert_true(error == -VIRTIO_E_QUEUE || error == -VIRTIO_E_NO_MEMORY);
        assert_int_equal(disk->dev.state, VIRTIO_CLEAN);
        assert_int_equal(claim(disk, &blk), 0); /* the reset brought the right size back */
        check_read(&blk, 7);
        page_machine_free(machine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_work_over_the_page),
        cmocka_unit_test(writes_reach_the_disk),
        cmocka_unit_test(console_talks_over_the_page),
        cmocka_unit_test(rings_are_laid_out_as_legacy_devices_want_them),
        cmocka_unit_test(request_has_the_layout_of_legacy_devices),
        cmocka_unit_test(features_of_legacy_rings_are_chosen_for_legacy_devices),
        cmocka_unit_test(all_devices_of_a_page_live_side_by_side),
        cmocka_unit_test(promise_1_next_driver_has_other_features),
        cmocka_unit_test(promise_1_offer_is_read_again_after_a_reset),
        cmocka_unit_test(promise_2_host_uses_no_buffer_after_a_reset),
        cmocka_unit_test(promise_2_rings_are_zero_when_the_reset_is_confirmed),
        cmocka_unit_test(promise_2_driver_talks_to_the_host_while_it_is_removed),
        cmocka_unit_test(promise_2_core_resets_what_a_driver_left_running),
        cmocka_unit_test(promise_2_is_not_made_before_status_reads_0),
        cmocka_unit_test(promise_3_any_state_that_was_left_is_taken_over),
        cmocka_unit_test(promise_3_live_device_of_a_predecessor_is_taken_over),
        cmocka_unit_test(promise_3_random_messes_are_taken_over),
        cmocka_unit_test(promise_3_broken_device_works_again),
        cmocka_unit_test(configuration_is_read_until_it_is_twice_the_same),
        cmocka_unit_test(configuration_that_never_settles_is_an_error),
        cmocka_unit_test(configuration_is_not_written_during_negotiation),
        cmocka_unit_test(stated_memory_is_enough_and_less_is_a_clean_error),
        cmocka_unit_test(rings_without_a_page_number_are_refused),
        cmocka_unit_test(descriptors_that_leave_the_page_are_refused),
        cmocka_unit_test(missing_regions_are_an_error),
        cmocka_unit_test(features_beyond_32_bits_are_left_alone),
        cmocka_unit_test(queue_that_is_not_there_is_an_error),
        cmocka_unit_test(rings_that_no_notify_reaches_are_refused),
        cmocka_unit_test(queue_sizes_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
