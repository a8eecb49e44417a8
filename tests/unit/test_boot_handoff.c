/* SPDX-License-Identifier: BSD-2-Clause */
/* The handoff as boot/ does it: the report, the quarantine, and when a STUCK device forbids the boot. */
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
#include "boot/handoff.h"
#include "boot/image.h"
#include "boot/memory.h"
#include "boot/platform.h"
#include "drivers/blk.h"
#include "tests/unit/support/device.h"
#include "tests/unit/support/screen.h"

#define PAGE 4096u

enum {
    PAGES = 8, /* of RAM beside the rings */
    BUFFER = 2,
};

/* No test here goes that far: the OS is entered under QEMU. */
void platform_enter_linux(uint64_t entry, uint64_t boot_params)
{
    (void)entry;
    (void)boot_params;
    abort();
}

void platform_enter_pvh(uint32_t entry, uint32_t start_info)
{
    (void)entry;
    (void)start_info;
    abort();
}

/* RAM is its own address, as on the machine: the map holds the test's own memory. */
struct fixture {
    uint8_t *ram;
    struct memory_map memory;
    struct devices devices;
    struct device *disk, *idle;
    struct virtio_blk blk;
    struct virtio_blk_request request;
    struct image image;
    struct diag diag;
};

static void add_ram(struct fixture *f, const void *start, size_t size)
{
    uint64_t base = (uintptr_t)start & ~(uint64_t)(PAGE - 1);
    uint64_t end = ((uintptr_t)start + size + PAGE - 1) & ~(uint64_t)(PAGE - 1);

    assert_int_equal(memory_add(&f->memory, base, end - base, MEMORY_USABLE, &f->diag), 0);
}

static enum memory_type type_of(const struct fixture *f, const void *address)
{
    uint64_t at = (uintptr_t)address;

    for (unsigned i = 0; i < f->memory.count; i++) {
        const struct memory_range *range = &f->memory.range[i];

        if (at >= range->base && at - range->base < range->size)
            return range->type;
    }
    fail_msg("%p is not in the map", address);
    return MEMORY_RESERVED;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->ram = aligned_alloc(PAGE, (size_t)PAGES * PAGE);
    assert_non_null(f->ram);
    add_ram(f, f->ram, (size_t)PAGES * PAGE);
    f->disk = device_new(VIRTIO_ID_BLOCK);
    device_give_memory(f->disk, &virtio_blk_driver, 256);
    add_ram(f, f->disk->env.dma, f->disk->env.dma_len);
    f->idle = device_new(VIRTIO_ID_ENTROPY);
    f->devices.memory = &f->memory;
    f->image.ranges = 1;
    f->image.range[0] = (struct image_range){(uintptr_t)f->ram, PAGE, "kernel"};
    screen_clear();
    assert_int_equal(device_discover(f->disk, &f->devices.bus), 0);
    assert_int_equal(device_discover(f->idle, &f->devices.bus), 0);
    assert_int_equal(virtio_claim(&f->devices.bus, &f->disk->dev, &virtio_blk_driver, &f->blk), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    device_free(f->disk);
    device_free(f->idle);
    free(f->ram);
    free(f);
    return 0;
}

/* A read that is never answered, by a device that then never completes a reset. */
static void get_stuck(struct fixture *f, unsigned page)
{
    struct virtio_blk_request *done;

    device_delay(f->disk, DEVICE_NEVER);
    launcher_fault_arm(f->disk->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    f->request = (struct virtio_blk_request){
        .type = VIRTIO_BLK_T_IN, .data = f->ram + (size_t)page * PAGE, .length = PAGE};
    assert_int_equal(virtio_blk_submit(&f->blk, &f->request), 0);
    virtio_blk_kick(&f->blk);
    assert_int_equal(virtio_blk_wait(&f->blk, &done), -VIRTIO_E_STUCK);
    assert_int_equal(f->request.request.state, VIRTIO_REQUEST_DEVICE);
}

/* Every device is at 0 and is reported, also the one that no driver took. DRV-RESET-01, DRV-CLEAN-02 */
static void test_all_devices_are_clean_and_reported(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(handoff_devices(&f->devices, &f->image, true, &f->diag), 0);
    assert_int_equal(f->disk->host->status, 0);
    assert_int_equal(f->idle->host->status, 0);
    assert_non_null(strstr(screen_text(), "handoff: 00:03.0 blk: driver blk, reset in "));
    assert_non_null(strstr(screen_text(), "handoff: 00:03.0 rng: driver none, reset in "));
    assert_null(strstr(screen_text(), "STUCK"));
    assert_int_equal(type_of(f, f->disk->env.dma), MEMORY_USABLE);
}

/* The report comes after the last access to any device. */
static void test_nothing_touches_a_device_after_the_handoff(void **state)
{
    struct fixture *f = *state;
    size_t events;

    assert_int_equal(handoff_devices(&f->devices, &f->image, false, &f->diag), 0);
    events = f->disk->event_count;
    f->disk->closed = true;
    f->idle->closed = true;
    assert_int_equal(devices_quarantine(&f->devices, &f->diag), 0);
    assert_int_equal(f->disk->event_count, events);
}

static void test_a_stuck_device_is_quarantined_and_the_boot_goes_on(void **state)
{
    struct fixture *f = *state;

    get_stuck(f, BUFFER);
    assert_int_equal(handoff_devices(&f->devices, &f->image, false, &f->diag), 0);
    assert_int_equal(type_of(f, f->disk->env.dma), MEMORY_QUARANTINE);
    assert_int_equal(type_of(f, f->ram + (size_t)BUFFER * PAGE), MEMORY_QUARANTINE);
    assert_int_equal(type_of(f, f->ram + (size_t)(BUFFER + 1) * PAGE), MEMORY_USABLE);
    assert_int_equal(type_of(f, f->ram + (size_t)(BUFFER - 1) * PAGE), MEMORY_USABLE);
    assert_int_equal(device_pci_command(f->disk) & 4, 0);
    assert_non_null(strstr(screen_text(), "blk: driver blk, reset in "));
    assert_non_null(strstr(screen_text(), ": STUCK"));
    assert_non_null(strstr(screen_text(), "bus mastering is off and its memory is reserved"));
    assert_int_equal(f->idle->host->status, 0); /* the others are reset all the same */
}

static void test_strict_forbids_to_boot_with_a_stuck_device(void **state)
{
    struct fixture *f = *state;

    get_stuck(f, BUFFER);
    assert_int_equal(handoff_devices(&f->devices, &f->image, true, &f->diag), -BOOT_E_STUCK);
    assert_non_null(strstr(f->diag.text, "1 virtio device did not complete the reset"));
    assert_int_equal(boot_error_exit(-BOOT_E_STUCK), BOOT_EXIT_STUCK);
    assert_int_equal(f->idle->host->status, 0);
}

/* Whatever the mode: nobody enters a kernel that a device may still write into. */
static void test_a_stuck_device_that_may_own_the_kernel_forbids_to_boot(void **state)
{
    struct fixture *f = *state;

    get_stuck(f, 0);
    assert_int_equal(handoff_devices(&f->devices, &f->image, false, &f->diag), -BOOT_E_STUCK);
    assert_non_null(strstr(f->diag.text, "may still write to the loaded kernel"));
}

/* A device that gets stuck in the handoff itself, with nothing in flight but its rings. */
static void test_a_device_stuck_in_its_last_reset_keeps_its_rings(void **state)
{
    struct fixture *f = *state;

    launcher_fault_arm(f->disk->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    assert_int_equal(handoff_devices(&f->devices, &f->image, false, &f->diag), 0);
    assert_int_equal(type_of(f, f->disk->env.dma), MEMORY_QUARANTINE);
    assert_int_equal(type_of(f, f->ram), MEMORY_USABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_all_devices_are_clean_and_reported),
        TEST(test_nothing_touches_a_device_after_the_handoff),
        TEST(test_a_stuck_device_is_quarantined_and_the_boot_goes_on),
        TEST(test_strict_forbids_to_boot_with_a_stuck_device),
        TEST(test_a_stuck_device_that_may_own_the_kernel_forbids_to_boot),
        TEST(test_a_device_stuck_in_its_last_reset_keeps_its_rings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
