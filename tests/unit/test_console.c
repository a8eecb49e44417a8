/* SPDX-License-Identifier: BSD-2-Clause */
/* Slate's console over a virtio console that does not work: it falls silent, and says so once, elsewhere. */
#include "boot/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/console.h"
#include "tests/unit/support/device.h"
#include "tests/unit/support/screen.h"

static unsigned said;

/* As boot/devices.c does it: what a device has to say goes to the console. */
static void log_to_console(void *ctx, enum virtio_level level, const char *message)
{
    (void)ctx;
    said++;
    console_line(level, "virtio: %s", message);
}

struct rig {
    struct virtio_bus bus;
    struct device *d;
    struct virtio_console console;
};

static void make(struct rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    screen_clear();
    rig->d = device_new(VIRTIO_ID_CONSOLE);
    device_give_memory(rig->d, &virtio_console_driver, 256);
    assert_int_equal(device_discover(rig->d, &rig->bus), 0);
    assert_int_equal(virtio_claim(&rig->bus, &rig->d->dev, &virtio_console_driver, &rig->console),
                     0);
    rig->d->env.log = log_to_console;
    said = 0;
}

static void end(struct rig *rig)
{
    console_detach();
    (void)virtio_handoff(&rig->bus);
    device_free(rig->d);
}

static void every_line_is_shown_on_the_uart_and_on_the_virtio_console(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    console_line(VIRTIO_LOG_INFO, "early");
    console_add(&rig.console);
    console_line(VIRTIO_LOG_INFO, "late");
    assert_non_null(strstr(screen_text(), "late\n"));
    assert_non_null(strstr(device_console_text(rig.d), "early\r\n"));
    assert_non_null(strstr(device_console_text(rig.d), "late\r\n"));
    end(&rig);
}

/* The line about the timeout is said while the console is in the middle of a line of its own. */
static void console_that_takes_nothing_falls_silent_and_the_uart_goes_on(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    console_add(&rig.console);
    device_delay(rig.d, DEVICE_NEVER);
    for (unsigned i = 0; i < 20; i++)
        console_line(VIRTIO_LOG_INFO, "line %u", i);
    assert_int_equal(said, 1);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_non_null(strstr(screen_text(), "line 19\n"));
    end(&rig);
}

static void console_that_never_resets_is_said_so_and_the_uart_goes_on(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    console_add(&rig.console);
    device_delay(rig.d, DEVICE_NEVER);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    for (unsigned i = 0; i < 20; i++)
        console_line(VIRTIO_LOG_INFO, "line %u", i);
    assert_int_equal(said, 2);
    assert_int_equal(rig.d->dev.state, VIRTIO_STUCK);
    assert_non_null(strstr(screen_text(), "the device is STUCK"));
    assert_non_null(strstr(screen_text(), "line 19\n"));
    end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_shown_on_the_uart_and_on_the_virtio_console),
        cmocka_unit_test(console_that_takes_nothing_falls_silent_and_the_uart_goes_on),
        cmocka_unit_test(console_that_never_resets_is_said_so_and_the_uart_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
