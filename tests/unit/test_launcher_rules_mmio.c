/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of MMIO devices, version 2 and version 1 (VIRTIO 1.4, 4.2): drivers that break one are caught. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/register_script.h"

/* ---- Is there a device? (4.2.3.1) ---- */

static void magic_not_read(struct script *s)
{
    reset(s);
}

static void device_id_not_read(struct script *s)
{
    get(s, MAGIC, VIRTIO_MMIO_MAGIC);
    get(s, VERSION, 2);
    reset(s);
}

static void magic_is_wrong(struct script *s)
{
    get(s, MAGIC, 0);
    get(s, VERSION, 2);
    reset(s);
}

static void version_is_wrong(struct script *s)
{
    get(s, MAGIC, VIRTIO_MMIO_MAGIC);
    get(s, VERSION, 3);
    reset(s);
}

static void nothing_there(struct script *s)
{
    get(s, MAGIC, VIRTIO_MMIO_MAGIC);
    get(s, VERSION, 2);
    get(s, DEVICE_ID, 0);
}

static void nothing_there_and_written(struct script *s)
{
    nothing_there(s);
    put(s, QUEUE_SELECT, 0);
}

static void nothing_there_and_begun(struct script *s)
{
    nothing_there(s);
    put(s, STATUS, 0);
}

static void nothing_there_and_read(struct script *s)
{
    nothing_there(s);
    get(s, VENDOR_ID, 0);
}

/* DRV-MMIO-08, -10, -12, -26 to -29 */
static void drivers_that_do_not_look_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-MMIO-26", MMIO, BLOCK, magic_not_read),
        MUTANT("DRV-MMIO-27", MMIO, BLOCK, device_id_not_read),
        MUTANT("DRV-MMIO-08", MMIO, BLOCK, magic_is_wrong),
        MUTANT("DRV-MMIO-10", MMIO, BLOCK, version_is_wrong),
        MUTANT("DRV-MMIO-12", MMIO, BLOCK, nothing_there_and_written),
        MUTANT("DRV-MMIO-28", MMIO, BLOCK, nothing_there_and_begun),
        MUTANT("DRV-MMIO-29", MMIO, BLOCK, nothing_there_and_read),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Registers (4.2.2) ---- */

static void between_registers(struct script *s)
{
    identify(s);
    script_nowhere(s, 0x18, false);
}

static void beyond_the_configuration(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, 0x80, 4, 0);
}

static void read_only_is_written(struct script *s)
{
    identify(s);
    put(s, QUEUE_MAX, 4);
}

static void write_only_is_read(struct script *s)
{
    identify(s);
    get(s, QUEUE_SELECT, 0);
}

static void register_by_byte(struct script *s)
{
    identify(s);
    script_access(s, LAUNCHER_REG_STATUS, false, 1, 0, 0);
}

static void byte_by_32_bits(struct script *s)
{
    start(s, BIT(VIRTIO_BLK_F_TOPOLOGY));
    get(s, GENERATION, 0);
    get_config(s, offsetof(struct virtio_blk_config, physical_block_exp), 4, 0);
}

static void half_word_by_bytes(struct script *s)
{
    start(s, BIT(VIRTIO_BLK_F_TOPOLOGY));
    get(s, GENERATION, 0);
    get_config(s, offsetof(struct virtio_blk_config, min_io_size), 1, 0);
}

static void capacity_by_bytes(struct script *s)
{
    start(s, 0);
    get(s, GENERATION, 0);
    get_config(s, 0, 1, 0);
}

static void offered_unselected(struct script *s)
{
    begin(s);
    get(s, DEVICE_FEATURE, 0);
}

static void accepted_unselected(struct script *s)
{
    begin(s);
    read_offered(s);
    put(s, DRIVER_FEATURE, 0);
}

static void queue_unselected(struct script *s)
{
    start(s, 0);
    get(s, QUEUE_MAX, 256);
}

static void undefined_interrupt(struct script *s)
{
    identify(s);
    put(s, INTERRUPT_ACK, 7);
}

static void shared_memory_of_a_disk(struct script *s)
{
    identify(s);
    put(s, SHM, 0);
}

static void queue_reset_without_feature(struct script *s)
{
    up(s, 0);
    put(s, QUEUE_RESET, 1);
}

/* DRV-MMIO-01 to -07, -14, -15, -22, -30, IMP-MMIO-03, -07 */
static void drivers_that_misuse_registers_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-MMIO-01", MMIO, BLOCK, between_registers),
        MUTANT("DRV-MMIO-01", MMIO, BLOCK, beyond_the_configuration),
        MUTANT("DRV-MMIO-02", MMIO, BLOCK, read_only_is_written),
        MUTANT("DRV-MMIO-03", MMIO, BLOCK, write_only_is_read),
        MUTANT("DRV-MMIO-04", MMIO, BLOCK, register_by_byte),
        MUTANT("DRV-MMIO-05", MMIO, BLOCK, byte_by_32_bits),
        MUTANT("DRV-MMIO-06", MMIO, BLOCK, half_word_by_bytes),
        MUTANT("DRV-MMIO-07", MMIO, BLOCK, capacity_by_bytes),
        MUTANT("DRV-MMIO-14", MMIO, BLOCK, offered_unselected),
        MUTANT("DRV-MMIO-14", MMIO_LEGACY, BLOCK, offered_unselected),
        MUTANT("DRV-MMIO-15", MMIO, BLOCK, accepted_unselected),
        MUTANT("IMP-MMIO-07", MMIO, BLOCK, queue_unselected),
        MUTANT("DRV-MMIO-22", MMIO, BLOCK, undefined_interrupt),
        MUTANT("DRV-MMIO-30", MMIO, BLOCK, shared_memory_of_a_disk),
        MUTANT("IMP-MMIO-03", MMIO, BLOCK, queue_reset_without_feature),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Queues of version 2 ---- */

static void size_is_too_large(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    get(s, QUEUE_ENABLE, 0);
    get(s, QUEUE_MAX, 64);
    put(s, QUEUE_SIZE, 128);
}

static void queue_is_not_there(struct script *s)
{
    s->size = 0;
    start(s, 0);
    queue(s, 0);
}

static void changed_while_ready(struct script *s)
{
    up(s, 0);
    put(s, QUEUE_DESC_LO, 0x20000);
}

static void stopped_and_not_read_back(struct script *s)
{
    up(s, 0);
    put(s, QUEUE_ENABLE, 0);
    put(s, QUEUE_SIZE, 8);
}

static void readiness_not_looked_at(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    put(s, QUEUE_SIZE, 8);
}

static void ready_before_its_addresses(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    get(s, QUEUE_ENABLE, 0);
    put(s, QUEUE_SIZE, 8);
    put(s, QUEUE_ENABLE, 1);
}

static void queue_reset_not_awaited(struct script *s)
{
    up(s, BIT(VIRTIO_F_RING_RESET));
    put(s, QUEUE_RESET, 1);
    queue(s, 0);
}

static void notified_of_another_queue(struct script *s)
{
    up(s, 0);
    notify(s, 4, 1);
}

static void notified_with_data_of_another_queue(struct script *s)
{
    up(s, BIT(VIRTIO_F_NOTIFICATION_DATA));
    notify(s, 4, 0x10001);
}

/* DRV-MMIO-16, -17, -19, -23, IMP-MMIO-02, -08, -10 to -12 */
static void drivers_that_set_queues_up_wrongly_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("DRV-MMIO-16", MMIO, BLOCK, size_is_too_large),
        MUTANT("IMP-MMIO-02", MMIO, BLOCK, queue_is_not_there),
        MUTANT("DRV-MMIO-17", MMIO, BLOCK, changed_while_ready),
        MUTANT("DRV-MMIO-19", MMIO, BLOCK, stopped_and_not_read_back),
        MUTANT("IMP-MMIO-08", MMIO, BLOCK, readiness_not_looked_at),
        MUTANT("IMP-MMIO-10", MMIO, BLOCK, ready_before_its_addresses),
        MUTANT("DRV-MMIO-23", MMIO, BLOCK, queue_reset_not_awaited),
        MUTANT("IMP-MMIO-11", MMIO, BLOCK, notified_of_another_queue),
        MUTANT("IMP-MMIO-12", MMIO, BLOCK, notified_with_data_of_another_queue),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Version 1 (4.2.4) ---- */

static void legacy_queue_unselected(struct script *s)
{
    start(s, 0);
    get(s, QUEUE_MAX, 64);
}

static void page_size_not_written(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    get(s, QUEUE_PFN, 0);
    put(s, QUEUE_SIZE, 64);
    put(s, QUEUE_ALIGN, 4096);
    put(s, QUEUE_PFN, 0x10);
}

static void odd_page_size(struct script *s)
{
    start(s, 0);
    put(s, GUEST_PAGE_SIZE, 5000);
}

static void odd_alignment(struct script *s)
{
    start(s, 0);
    put(s, QUEUE_SELECT, 0);
    put(s, QUEUE_ALIGN, 100);
}

static void page_not_looked_at(struct script *s)
{
    start(s, 0);
    put(s, GUEST_PAGE_SIZE, 4096);
    put(s, QUEUE_SELECT, 0);
    put(s, QUEUE_SIZE, 64);
    put(s, QUEUE_ALIGN, 4096);
    put(s, QUEUE_PFN, 0x10);
}

static void max_read_while_in_use(struct script *s)
{
    up(s, 0);
    get(s, QUEUE_MAX, 64);
}

static void size_and_alignment_left_out(struct script *s)
{
    start(s, 0);
    put(s, GUEST_PAGE_SIZE, 4096);
    put(s, QUEUE_SELECT, 0);
    get(s, QUEUE_PFN, 0);
    put(s, QUEUE_PFN, 0x10);
}

static void size_after_the_page(struct script *s)
{
    start(s, 0);
    queue(s, 0);
    put(s, QUEUE_SIZE, 64);
}

static void at_page_zero(struct script *s)
{
    start(s, 0);
    put(s, GUEST_PAGE_SIZE, 4096);
    put(s, QUEUE_SELECT, 0);
    get(s, QUEUE_PFN, 0);
    put(s, QUEUE_SIZE, 64);
    put(s, QUEUE_ALIGN, 4096);
    put(s, QUEUE_PFN, 0);
    live(s);
    notify(s, 4, 0);
}

static void register_of_version_2(struct script *s)
{
    start(s, 0);
    script_nowhere(s, VIRTIO_MMIO_QUEUE_READY, true);
}

/* IMP-MMIOLEG-* */
static void drivers_that_misuse_version_1_are_caught(void **state)
{
    static const struct mutant mutants[] = {
        MUTANT("IMP-MMIOLEG-02", MMIO_LEGACY, BLOCK, page_size_not_written),
        MUTANT("IMP-MMIOLEG-03", MMIO_LEGACY, BLOCK, odd_page_size),
        MUTANT("IMP-MMIOLEG-04", MMIO_LEGACY, BLOCK, legacy_queue_unselected),
        MUTANT("IMP-MMIOLEG-05", MMIO_LEGACY, BLOCK, page_not_looked_at),
        MUTANT("IMP-MMIOLEG-06", MMIO_LEGACY, BLOCK, max_read_while_in_use),
        MUTANT("IMP-MMIOLEG-07", MMIO_LEGACY, BLOCK, queue_is_not_there),
        MUTANT("IMP-MMIOLEG-08", MMIO_LEGACY, BLOCK, size_and_alignment_left_out),
        MUTANT("IMP-MMIOLEG-09", MMIO_LEGACY, BLOCK, size_and_alignment_left_out),
        MUTANT("IMP-MMIOLEG-10", MMIO_LEGACY, BLOCK, odd_alignment),
        MUTANT("IMP-MMIOLEG-13", MMIO_LEGACY, BLOCK, size_after_the_page),
        MUTANT("IMP-MMIOLEG-14", MMIO_LEGACY, BLOCK, at_page_zero),
        MUTANT("IMP-MMIOLEG-16", MMIO_LEGACY, BLOCK, register_of_version_2),
        MUTANT("IMP-MMIOLEG-17", MMIO_LEGACY, BLOCK, notified_of_another_queue),
    };

    (void)state;
    run_mutants(mutants, sizeof(mutants) / sizeof(mutants[0]));
}

/* ---- Right drivers ---- */

static void right_drivers_are_not_accused(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_MMIO, VIRTIO_ID_BLOCK);
    nothing_there(&s); /* ... and somebody else looks later */
    nothing_there(&s);
    expect_clean(&s);

    script_begin(&s, LAUNCHER_MMIO, VIRTIO_ID_BLOCK);
    up(&s, BIT(VIRTIO_F_RING_RESET) | BIT(VIRTIO_F_NOTIFICATION_DATA));
    notify(&s, 4, 0x10000);
    get(&s, ISR, 3);
    put(&s, INTERRUPT_ACK, 3);
    put(&s, QUEUE_ENABLE, 0);
    get(&s, QUEUE_ENABLE, 0);
    queue(&s, 0);
    put(&s, QUEUE_RESET, 1);
    get(&s, QUEUE_RESET, 0);
    queue(&s, 0);
    expect_clean(&s);

    script_begin(&s, LAUNCHER_MMIO_LEGACY, VIRTIO_ID_BLOCK);
    up(&s, 0);
    notify(&s, 4, 0);
    put(&s, QUEUE_PFN, 0);
    queue(&s, 0);
    expect_clean(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drivers_that_do_not_look_are_caught),
        cmocka_unit_test(drivers_that_misuse_registers_are_caught),
        cmocka_unit_test(drivers_that_set_queues_up_wrongly_are_caught),
        cmocka_unit_test(drivers_that_misuse_version_1_are_caught),
        cmocka_unit_test(right_drivers_are_not_accused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
