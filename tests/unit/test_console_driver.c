/* SPDX-License-Identifier: BSD-2-Clause */
/* The console driver (VIRTIO 1.4, 5.3): lines out, bytes in, size, and hosts that do neither. */
#include "drivers/console.h"
#include "tests/unit/support/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct virtio_bus bus;
    struct device *d;
    struct virtio_console console;
};

static void plug(struct rig *rig)
{
    *rig = (struct rig){0};
    rig->d = device_new(VIRTIO_ID_CONSOLE);
    device_give_memory(rig->d, &virtio_console_driver, VIRTIO_CONSOLE_BUFFERS);
}

static int claim(struct rig *rig)
{
    assert_int_equal(device_discover(rig->d, &rig->bus), 0);
    return virtio_claim(&rig->bus, &rig->d->dev, &virtio_console_driver, &rig->console);
}

static void make(struct rig *rig)
{
    plug(rig);
    assert_int_equal(claim(rig), 0);
}

static void end(struct rig *rig)
{
    (void)virtio_release(&rig->bus, &rig->d->dev);
    device_free(rig->d);
}

static int write_text(struct rig *rig, const char *text)
{
    return virtio_console_write(&rig->console, text, strlen(text));
}

static void check_output(const struct rig *rig, const char *text)
{
    assert_string_equal(device_console_text(rig->d), text);
}

static uint64_t output_kicks(const struct rig *rig)
{
    return rig->d->host->queues[1].notifications;
}

/* ---- Set-up ---- */

/* IMP-CON-01, IMP-CON-02, IMP-CON-04, DRV-CON-01: queues 0 and 1; input buffers are there before DRIVER_OK's first kick. */
static void both_queues_of_port_0_are_set_up_and_input_is_posted(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    assert_true(rig.d->host->queues[0].enabled && rig.d->host->queues[1].enabled);
    assert_int_equal(rig.d->host->queues[0].size, VIRTIO_CONSOLE_BUFFERS);
    assert_int_equal(rig.d->host->queues[0].flight_count, VIRTIO_CONSOLE_BUFFERS);
    assert_int_equal(rig.d->host->queues[0].notifications, 1);
    assert_int_equal(rig.d->host->queues[1].notifications, 0);
    assert_int_equal(rig.console.columns, 0);
    assert_int_equal(rig.console.rows, 0);
    end(&rig);
}

/* DRV-CFG-04: columns first. */
static void size_is_read_where_the_device_has_it(void **state)
{
    struct rig rig;

    (void)state;
    plug(&rig);
    rig.d->host->offered |= 1ull << VIRTIO_CONSOLE_F_SIZE;
    device_set_config(rig.d, 0, 2, 132);
    device_set_config(rig.d, 2, 2, 50);
    assert_int_equal(claim(&rig), 0);
    assert_int_equal(rig.console.columns, 132);
    assert_int_equal(rig.console.rows, 50);
    end(&rig);
}

/* DRV-CFG-03: a size that changes under every look at it is no size. */
static void console_whose_size_never_settles_is_refused(void **state)
{
    struct rig rig;

    (void)state;
    plug(&rig);
    rig.d->host->offered |= 1ull << VIRTIO_CONSOLE_F_SIZE;
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_CONFIG_CHANGES, 0, 0, 0);
    assert_int_equal(claim(&rig), -VIRTIO_E_CONFIG);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0 1");
    device_free(rig.d);
}

static void console_without_a_transmit_queue_is_refused(void **state)
{
    struct rig rig;

    (void)state;
    plug(&rig);
    rig.d->host->queue_count = 1;
    assert_int_equal(claim(&rig), -VIRTIO_E_QUEUE);
    assert_string_equal(device_statuses(rig.d), "0 1 3 b 8b 0 1");
    device_free(rig.d);
}

static void queues_of_all_sizes_work(void **state)
{
    (void)state;
    for (unsigned size = 1; size <= 16; size++) {
        uint8_t bytes[64];
        struct rig rig;
        size_t length;

        plug(&rig);
        device_queue_max(rig.d, 0, (uint16_t)size);
        device_queue_max(rig.d, 1, (uint16_t)size);
        assert_int_equal(claim(&rig), 0);
        device_delay(rig.d, 100000);
        for (unsigned i = 0; i < 20; i++)
            assert_int_equal(write_text(&rig, "line\n"), 0);
        assert_int_equal(virtio_console_flush(&rig.console), 0);
        assert_int_equal(strlen(device_console_text(rig.d)), 100);
        device_delay(rig.d, 0);
        rig.d->now += DEVICE_MILLISECOND;
        launcher_console_limit(rig.d->host, 2);
        for (unsigned i = 0; i < 10; i++) {
            device_console_type(rig.d, "ab", 2);
            assert_int_equal(virtio_console_read(&rig.console, bytes, sizeof(bytes), &length), 0);
            assert_int_equal(length, 2);
            assert_memory_equal(bytes, "ab", 2);
        }
        end(&rig);
    }
}

/* ---- Output ---- */

/* DRV-CON-02. One request a line, not one a byte, and no waiting for the host. */
static void line_goes_out_with_one_kick(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(write_text(&rig, "Slate: hello\n"), 0);
    check_output(&rig, "Slate: hello\n");
    assert_int_equal(output_kicks(&rig), 1);
    end(&rig);
}

static void part_of_a_line_waits_for_its_end(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(write_text(&rig, "one, "), 0);
    assert_int_equal(write_text(&rig, "two"), 0);
    check_output(&rig, "");
    assert_int_equal(write_text(&rig, ", three\nfo"), 0);
    check_output(&rig, "one, two, three\n");
    assert_int_equal(output_kicks(&rig), 1);
    assert_int_equal(virtio_console_flush(&rig.console), 0);
    check_output(&rig, "one, two, three\nfo");
    assert_int_equal(output_kicks(&rig), 2);
    assert_int_equal(virtio_console_flush(&rig.console), 0);
    assert_int_equal(output_kicks(&rig), 2); /* nothing was left */
    end(&rig);
}

static void long_line_is_cut_into_buffers(void **state)
{
    char line[1000];
    struct rig rig;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < sizeof(line); i++)
        line[i] = (char)('a' + i % 26);
    assert_int_equal(virtio_console_write(&rig.console, line, sizeof(line)), 0);
    assert_int_equal(strlen(device_console_text(rig.d)), 768);
    assert_int_equal(virtio_console_flush(&rig.console), 0);
    assert_int_equal(strlen(device_console_text(rig.d)), 1000);
    assert_memory_equal(device_console_text(rig.d), line, sizeof(line));
    end(&rig);
}

/* All buffers in flight: output waits for the host, loses nothing, and keeps its order. */
static void output_to_a_slow_host_arrives_complete_and_in_order(void **state)
{
    struct rig rig;
    char expected[50 * 5 + 1];

    (void)state;
    make(&rig);
    device_delay(rig.d, 3 * DEVICE_MILLISECOND);
    for (unsigned i = 0; i < 50; i++) {
        const char line[] = {'a', (char)('0' + i / 10), (char)('0' + i % 10), '.', '\n', '\0'};

        memcpy(expected + i * 5, line, 6);
        assert_int_equal(write_text(&rig, line), 0);
    }
    assert_int_equal(virtio_console_flush(&rig.console), 0);
    check_output(&rig, expected);
    end(&rig);
}

static void write_of_nothing_does_nothing(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_console_write(&rig.console, "", 0), 0);
    assert_int_equal(virtio_console_flush(&rig.console), 0);
    assert_int_equal(output_kicks(&rig), 0);
    end(&rig);
}

/* ---- Giving it away ---- */

/* Output lost at handoff: what is left is sent, and taken by the host, before the reset. */
static void handoff_flushes_the_last_output(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, 2 * DEVICE_MILLISECOND);
    assert_int_equal(write_text(&rig, "all lines\nand a half"), 0);
    check_output(&rig, "");
    assert_int_equal(virtio_handoff(&rig.bus), 0);
    check_output(&rig, "all lines\nand a half");
    assert_int_equal(rig.d->host->status, 0);
    device_free(rig.d);
}

/* A console whose host never reads is no reason to hang: one deadline, a line, and the boot goes on. */
static void handoff_of_a_console_that_takes_nothing_ends_at_the_deadline(void **state)
{
    struct rig rig;
    uint64_t start;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(write_text(&rig, "lost\n"), 0);
    start = rig.d->now;
    assert_int_equal(virtio_handoff(&rig.bus), 0);
    assert_in_range(rig.d->now - start, 20 * DEVICE_MILLISECOND, 25 * DEVICE_MILLISECOND);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_int_equal(rig.d->host->status, 0);
    assert_non_null(
        device_logged(rig.d, "00:03.0 console: output of 5 bytes was not answered within 20 ms"));
    device_free(rig.d);
}

static void nothing_is_touched_after_the_handoff(void **state)
{
    uint8_t bytes[4];
    struct rig rig;
    size_t length = 9;

    (void)state;
    make(&rig);
    assert_int_equal(virtio_handoff(&rig.bus), 0);
    rig.d->closed = true;
    assert_int_equal(write_text(&rig, "after\n"), -VIRTIO_E_STATE);
    assert_int_equal(virtio_console_flush(&rig.console), -VIRTIO_E_STATE);
    assert_int_equal(virtio_console_read(&rig.console, bytes, 4, &length), -VIRTIO_E_STATE);
    assert_int_equal(length, 0);
    device_free(rig.d);
}

/* ---- A host that takes no output ---- */

/* The console stays silent after its deadline, and costs no time from then on. */
static void console_that_takes_nothing_falls_silent_after_one_deadline(void **state)
{
    struct rig rig;
    uint64_t start;
    int error = 0;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_NEVER);
    start = rig.d->now;
    for (unsigned i = 0; i < VIRTIO_CONSOLE_BUFFERS; i++)
        assert_int_equal(write_text(&rig, "lost\n"), 0);
    assert_int_equal(rig.d->now, start); /* nothing was waited for yet */
    error = write_text(&rig, "one too many\n");
    assert_int_equal(error, -VIRTIO_E_TIMEOUT);
    assert_in_range(rig.d->now - start, 20 * DEVICE_MILLISECOND, 25 * DEVICE_MILLISECOND);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    start = rig.d->now;
    assert_int_equal(write_text(&rig, "silent\n"), -VIRTIO_E_STATE);
    assert_int_equal(rig.d->now, start);
    end(&rig);
}

/* The same with a queue that is full before the buffers are all in flight. */
static void console_with_a_short_queue_falls_silent_too(void **state)
{
    struct rig rig;

    (void)state;
    plug(&rig);
    device_queue_max(rig.d, 1, 2);
    assert_int_equal(claim(&rig), 0);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(write_text(&rig, "one\ntwo\n"), 0);
    assert_int_equal(write_text(&rig, "three\n"), -VIRTIO_E_TIMEOUT);
    assert_int_equal(write_text(&rig, "silent\n"), -VIRTIO_E_STATE);
    end(&rig);

    plug(&rig);
    device_queue_max(rig.d, 1, 2);
    assert_int_equal(claim(&rig), 0);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(write_text(&rig, "one\ntwo\nthree"), 0);
    assert_int_equal(virtio_console_flush(&rig.console), -VIRTIO_E_TIMEOUT);
    end(&rig);
}

static void default_deadline_of_output_is_one_second(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    rig.d->env.deadlines.console_ns = 0;
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(write_text(&rig, "lost"), 0);
    assert_int_equal(virtio_console_flush(&rig.console), -VIRTIO_E_TIMEOUT);
    assert_non_null(device_logged(rig.d, "was not answered within 1000 ms"));
    end(&rig);
}

static void console_that_needs_a_reset_falls_silent(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_NEVER);
    rig.d->host->status |= VIRTIO_STATUS_NEEDS_RESET;
    assert_int_equal(write_text(&rig, "lost"), 0);
    assert_int_equal(virtio_console_flush(&rig.console), -VIRTIO_E_NEEDS_RESET);
    assert_int_equal(write_text(&rig, "silent\n"), -VIRTIO_E_STATE);
    end(&rig);
}

static void restarted_console_speaks_again(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    device_delay(rig.d, DEVICE_NEVER);
    assert_int_equal(write_text(&rig, "lost"), 0);
    assert_int_equal(virtio_console_flush(&rig.console), -VIRTIO_E_TIMEOUT);
    device_delay(rig.d, 0);
    assert_int_equal(virtio_restart(&rig.d->dev), 0);
    assert_int_equal(write_text(&rig, "again\n"), 0);
    check_output(&rig, "again\n");
    end(&rig);
}

/* ---- Input ---- */

static void check_input(struct rig *rig, size_t size, const char *text)
{
    uint8_t bytes[4096];
    size_t length;

    assert_int_equal(virtio_console_read(&rig->console, bytes, size, &length), 0);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(bytes, text, length);
}

static void input_is_read_without_waiting(void **state)
{
    struct rig rig;
    uint64_t start;

    (void)state;
    make(&rig);
    start = rig.d->now;
    check_input(&rig, 100, "");
    device_console_type(rig.d, "boot\r", 5);
    check_input(&rig, 100, "boot\r");
    check_input(&rig, 100, "");
    device_console_type(rig.d, "abcdef", 6);
    check_input(&rig, 4, "abcd");
    check_input(&rig, 4, "ef");
    check_input(&rig, 0, "");
    assert_int_equal(rig.d->now, start);
    end(&rig);
}

/* IMP-CON-04: buffers go back to the host, with one notification for all that one read has emptied. */
static void input_buffers_are_posted_again(void **state)
{
    uint8_t bytes[256];
    struct rig rig;
    uint64_t before;
    size_t length;

    (void)state;
    make(&rig);
    launcher_console_limit(rig.d->host, 1);
    for (unsigned i = 0; i < 1000; i++) {
        device_console_type(rig.d, "0123456", 7);
        before = rig.d->host->queues[0].notifications;
        assert_int_equal(virtio_console_read(&rig.console, bytes, sizeof(bytes), &length), 0);
        assert_int_equal(length, 7);
        assert_memory_equal(bytes, "0123456", 7);
        assert_int_equal(rig.d->host->queues[0].notifications, before + 1);
    }
    end(&rig);
}

/* More than all buffers hold stays with the host until they are posted again. */
static void long_input_arrives_in_full(void **state)
{
    static char text[5000];
    uint8_t bytes[5000];
    struct rig rig;
    size_t total = 0;

    (void)state;
    make(&rig);
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 23);
    device_console_type(rig.d, text, sizeof(text));
    for (unsigned i = 0; i < 100 && total < sizeof(text); i++) {
        size_t length;

        assert_int_equal(virtio_console_read(&rig.console, bytes + total, 777, &length), 0);
        total += length;
    }
    assert_int_equal(total, sizeof(text));
    assert_memory_equal(bytes, text, sizeof(text));
    end(&rig);
}

/* DRV-SPLIT-25: a length beyond the buffer is no licence to read beyond it. */
static void input_length_beyond_the_buffer_is_cut(void **state)
{
    uint8_t bytes[4096];
    struct rig rig;
    size_t length;

    (void)state;
    make(&rig);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_LENGTH_LONG, 0, 0, UINT32_MAX);
    device_console_type(rig.d, "ab", 2);
    assert_int_equal(virtio_console_read(&rig.console, bytes, sizeof(bytes), &length), 0);
    assert_int_equal(length, VIRTIO_CONSOLE_BUFFER_BYTES);
    assert_memory_equal(bytes, "ab", 2);
    end(&rig);
}

/* A host that returns empty buffers for ever gets each back once in a read, and the read ends. */
static void empty_input_buffers_do_not_keep_a_read(void **state)
{
    struct rig rig;

    (void)state;
    make(&rig);
    launcher_console_return_empty(rig.d->host, UINT64_MAX);
    device_work(rig.d);
    for (unsigned i = 0; i < 100; i++)
        check_input(&rig, 10, "");
    launcher_console_return_empty(rig.d->host, 0);
    assert_int_equal(rig.d->dev.state, VIRTIO_LIVE);
    end(&rig);
}

static void broken_receive_queue_resets_the_device(void **state)
{
    uint8_t bytes[16];
    struct rig rig;
    size_t length = 7;

    (void)state;
    make(&rig);
    device_ring_put(rig.d, 0, 77, 1);
    assert_int_equal(virtio_console_read(&rig.console, bytes, sizeof(bytes), &length),
                     -VIRTIO_E_PROTOCOL);
    assert_int_equal(length, 0);
    assert_int_equal(rig.d->dev.state, VIRTIO_CLEAN);
    assert_int_equal(virtio_console_read(&rig.console, bytes, sizeof(bytes), &length),
                     -VIRTIO_E_STATE);
    end(&rig);
}

/* What came before the fault is not lost. */
static void input_before_a_fault_is_returned(void **state)
{
    uint8_t bytes[16];
    struct rig rig;
    size_t length;

    (void)state;
    make(&rig);
    device_console_type(rig.d, "ok", 2);
    device_ring_put(rig.d, 0, 77, 1);
    assert_int_equal(virtio_console_read(&rig.console, bytes, sizeof(bytes), &length),
                     -VIRTIO_E_PROTOCOL);
    assert_int_equal(length, 2);
    assert_memory_equal(bytes, "ok", 2);
    end(&rig);
}

static void stuck_console_says_so(void **state)
{
    uint8_t bytes[16];
    struct rig rig;
    size_t length;

    (void)state;
    make(&rig);
    launcher_fault_arm(rig.d->host, LAUNCHER_FAULT_RESET_NEVER, 0, 0, 0);
    device_ring_put(rig.d, 0, 77, 1);
    assert_int_equal(virtio_console_read(&rig.console, bytes, sizeof(bytes), &length),
                     -VIRTIO_E_STUCK);
    rig.d->closed = true;
    assert_int_equal(write_text(&rig, "silent\n"), -VIRTIO_E_STATE);
    device_free(rig.d);
}

static void console_that_is_not_claimed_refuses_everything(void **state)
{
    struct virtio_console console = {0};
    uint8_t bytes[4];
    size_t length = 9;

    (void)state;
    assert_int_equal(virtio_console_write(&console, "x\n", 2), -VIRTIO_E_STATE);
    assert_int_equal(virtio_console_flush(&console), -VIRTIO_E_STATE);
    assert_int_equal(virtio_console_read(&console, bytes, 4, &length), -VIRTIO_E_STATE);
    assert_int_equal(length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_queues_of_port_0_are_set_up_and_input_is_posted),
        cmocka_unit_test(size_is_read_where_the_device_has_it),
        cmocka_unit_test(console_whose_size_never_settles_is_refused),
        cmocka_unit_test(console_without_a_transmit_queue_is_refused),
        cmocka_unit_test(queues_of_all_sizes_work),
        cmocka_unit_test(line_goes_out_with_one_kick),
        cmocka_unit_test(part_of_a_line_waits_for_its_end),
        cmocka_unit_test(long_line_is_cut_into_buffers),
        cmocka_unit_test(output_to_a_slow_host_arrives_complete_and_in_order),
        cmocka_unit_test(write_of_nothing_does_nothing),
        cmocka_unit_test(handoff_flushes_the_last_output),
        cmocka_unit_test(handoff_of_a_console_that_takes_nothing_ends_at_the_deadline),
        cmocka_unit_test(nothing_is_touched_after_the_handoff),
        cmocka_unit_test(console_that_takes_nothing_falls_silent_after_one_deadline),
        cmocka_unit_test(console_with_a_short_queue_falls_silent_too),
        cmocka_unit_test(default_deadline_of_output_is_one_second),
        cmocka_unit_test(console_that_needs_a_reset_falls_silent),
        cmocka_unit_test(restarted_console_speaks_again),
        cmocka_unit_test(input_is_read_without_waiting),
        cmocka_unit_test(input_buffers_are_posted_again),
        cmocka_unit_test(long_input_arrives_in_full),
        cmocka_unit_test(input_length_beyond_the_buffer_is_cut),
        cmocka_unit_test(empty_input_buffers_do_not_keep_a_read),
        cmocka_unit_test(broken_receive_queue_resets_the_device),
        cmocka_unit_test(input_before_a_fault_is_returned),
        cmocka_unit_test(stuck_console_says_so),
        cmocka_unit_test(console_that_is_not_claimed_refuses_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
