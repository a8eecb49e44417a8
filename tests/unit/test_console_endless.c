/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A console device that works while it is being read (VIRTIO 1.4, 5.3): it returns each input buffer the moment it is
 * posted, empty, for ever. The sources are compiled in here with the hook that lets it act at each load.
 */
#define VIRTIO_ACCESS_HOOK "tests/unit/support/access_hook.h"
#include "drivers/console.c"
#include "virtio/split.c"

#include "tests/unit/support/device.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct virtqueue *attacked;
static unsigned loads;

/* The used index is always one ahead of what was taken, and each element returns the buffer that was posted last. */
static uint64_t load(const void *p, unsigned width, uint64_t actual)
{
    assert_true(++loads < 100000); /* the read never ends */
    if (attacked == NULL)
        return actual;
    if (p == &attacked->used->idx)
        return (uint16_t)(attacked->used_idx + 1);
    if (p >= (const void *)attacked->used_ring &&
        p < (const void *)(attacked->used_ring + attacked->size)) {
        for (unsigned i = 0; width == 4 && i < attacked->size; i++)
            if (attacked->shadow[i].request != NULL &&
                p == &attacked->used_ring[attacked->used_idx & 7].id)
                return i;
        return 0;
    }
    return actual;
}

static void stored(const void *p, unsigned width, uint64_t value)
{
    (void)p;
    (void)width;
    (void)value;
}

static void barrier(enum access_barrier which)
{
    (void)which;
}

struct access_hook access_hook = {load, stored, barrier};

/* What was not shown to the device yet cannot come back, so a read sees each buffer once at most. IMP-SPLIT-11 */
static void read_ends_although_every_buffer_comes_back_at_once(void **state)
{
    struct virtio_console console = {0};
    struct virtio_bus bus = {0};
    struct device *d = device_new(VIRTIO_ID_CONSOLE);
    uint8_t bytes[16];
    size_t length;

    (void)state;
    attacked = NULL;
    device_give_memory(d, &virtio_console_driver, VIRTIO_CONSOLE_BUFFERS);
    assert_int_equal(device_discover(d, &bus), 0);
    assert_int_equal(virtio_claim(&bus, &d->dev, &virtio_console_driver, &console), 0);
    attacked = console.receiveq;
    loads = 0;
    assert_int_equal(virtio_console_read(&console, bytes, sizeof(bytes), &length),
                     -VIRTIO_E_PROTOCOL);
    assert_int_equal(length, 0);
    attacked = NULL;
    assert_int_equal(virtio_release(&bus, &d->dev), 0);
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_ends_although_every_buffer_comes_back_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
