/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of QEMU's traces: lines as QEMU writes them, lines that are torn, and which device each is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/trace_machine.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct launcher_trace trace;
static char complaints[4096];

/* Starts reading a text; what it complains about goes to `complaints`. */
static FILE *start(const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

    assert_non_null(file);
    launcher_trace_start(&trace, file, "boot.log");
    memset(complaints, 0, sizeof(complaints));
    return file;
}

static bool next(struct launcher_trace_line *line)
{
    FILE *to =
        fmemopen(complaints + strlen(complaints), sizeof(complaints) - strlen(complaints), "w");
    bool found = launcher_trace_next(&trace, line, to);

    fclose(to);
    return found;
}

/* ---- Lines ---- */

static void reads_every_event_as_qemu_writes_it(void **state)
{
    struct launcher_trace_line line;
    FILE *file = start(
        "memory_region_ops_read cpu 0 mr 0x55d1 addr 0xfebe4014 value 0xf size 1 name "
        "'virtio-pci-common-virtio-blk'\n"
        "memory_region_ops_write cpu -1 mr 0x55d2 addr 0x80 value 0x51 size 1 name 'ioport80'\n"
        "pci_cfg_read virtio-blk-pci 01:1f.7 @0x34 -> 0x98\n"
        "pci_cfg_write vhost-vsock-pci 00:02.0 @0x4 <- 0x107\n"
        "virtio_set_status vdev 0x55aa val 11\n"
        "virtio_queue_notify vdev 0x55aa n 2 vq 0x55ab\n"
        "virtqueue_pop vq 0x55ab elem 0x55ac in_num 2 out_num 1\n"
        "virtqueue_fill vq 0x55ab elem (nil) len 513 idx 0\n"
        "serial_write write addr 0x00 val 0x4c\n");

    (void)state;
    assert_true(next(&line));
    assert_int_equal(line.kind, LAUNCHER_TRACE_REGISTER);
    assert_false(line.write);
    assert_int_equal(line.number, 1);
    assert_int_equal(line.region, 0x55d1);
    assert_int_equal(line.address, 0xfebe4014);
    assert_int_equal(line.value, 0xf);
    assert_int_equal(line.size, 1);
    assert_string_equal(line.name, "virtio-pci-common-virtio-blk");
    assert_true(next(&line));
    assert_true(line.write);
    assert_string_equal(line.name, "ioport80");
    assert_true(next(&line));
    assert_int_equal(line.kind, LAUNCHER_TRACE_PCI);
    assert_false(line.write);
    assert_int_equal(line.bus, 1);
    assert_int_equal(line.slot, 0x1f);
    assert_int_equal(line.function, 7);
    assert_int_equal(line.address, 0x34);
    assert_int_equal(line.value, 0x98);
    assert_true(next(&line));
    assert_true(line.write);
    assert_string_equal(line.name, "vhost-vsock-pci");
    assert_true(next(&line));
    assert_int_equal(line.kind, LAUNCHER_TRACE_STATUS);
    assert_int_equal(line.device, 0x55aa);
    assert_int_equal(line.value, 11);
    assert_true(next(&line));
    assert_int_equal(line.kind, LAUNCHER_TRACE_NOTIFY);
    assert_int_equal(line.index, 2);
    assert_int_equal(line.queue, 0x55ab);
    assert_true(next(&line));
    assert_int_equal(line.kind, LAUNCHER_TRACE_TAKEN);
    assert_true(next(&line));
    assert_int_equal(line.kind, LAUNCHER_TRACE_USED);
    assert_int_equal(line.value, 513);
    assert_true(next(&line));
    assert_int_equal(line.kind, LAUNCHER_TRACE_SERIAL);
    assert_int_equal(line.value, 'L');
    assert_int_equal(line.number, 9);
    assert_false(next(&line));
    assert_int_equal(trace.damaged, 0);
    assert_false(trace.timed);
    fclose(file);
}

static void times_count_from_the_first_line_that_has_one(void **state)
{
    struct launcher_trace_line line;
    FILE *file = start("30676@1795212530.657603:virtio_set_status vdev 0x5 val 0\n"
                       "30676@1795212531.657604:virtio_set_status vdev 0x5 val 1\r\n"
                       "30676@1795212529.000000:virtio_set_status vdev 0x5 val 2\n");

    (void)state;
    assert_true(next(&line));
    assert_int_equal(line.time_ns, 0);
    assert_true(next(&line));
    assert_int_equal(line.time_ns, 1000001000);
    assert_true(next(&line)); /* a clock that goes back is not a huge time */
    assert_int_equal(line.time_ns, 0);
    assert_true(trace.timed);
    fclose(file);
}

static void skips_what_has_nothing_to_do_with_virtio(void **state)
{
    struct launcher_trace_line line;
    FILE *file =
        start("memory_region_ops_read cpu 0 mr 0x1 addr 0x608 value 0x1 size 4 name 'acpi-tmr'\n"
              "pci_cfg_write e1000 00:02.0 @0x4 <- 0x107\n"
              "\n"
              "Linux says hello\n"
              "memory_region_ops_read cpu 0 mr 0x2 addr 0x3fd value 0x60 size 1 name 'serial'\n");

    (void)state;
    assert_true(next(&line));
    assert_string_equal(line.name, "serial");
    assert_int_equal(line.number, 5);
    assert_false(next(&line));
    assert_int_equal(trace.damaged, 0);
    fclose(file);
}

static void finds_an_event_behind_other_text(void **state)
{
    struct launcher_trace_line line;
    FILE *file = start("slate: loading...12@3.000004:virtio_set_status vdev 0x5 val 3\n"
                       "a login: virtio_set_status vdev 0x5 val 7\n");

    (void)state;
    assert_true(next(&line));
    assert_int_equal(line.value, 3);
    assert_true(next(&line));
    assert_int_equal(line.value, 7);
    assert_int_equal(trace.damaged, 0);
    fclose(file);
}

static void names_file_and_line_of_a_torn_line_and_goes_on(void **state)
{
    struct launcher_trace_line line;
    FILE *file =
        start("virtio_set_status vdev 0x5 val 0\n"
              "memory_region_ops_write cpu 0 mr 0x7 addr 0xfevirtio_set_status vdev 0x5 val 4\n"
              "memory_region_ops_write cpu 0 mr 0pci_cfg_read virtio-blk-pci 00:01.0 @0x4 -> 0x1\n"
              "pci_cfg_write virtio-blk-pci 00:01.0 @0x4 <-\n");

    (void)state;
    assert_true(next(&line));
    assert_true(next(&line)); /* the second half of the torn line */
    assert_int_equal(line.value, 4);
    assert_int_equal(trace.damaged, 1);
    assert_non_null(strstr(complaints, "boot.log:2: "));
    assert_non_null(strstr(complaints, "memory_region_ops_write cpu 0 mr 0x7"));
    assert_true(next(&line));
    assert_false(line.write);
    assert_int_equal(trace.damaged, 2);
    assert_non_null(strstr(complaints, "boot.log:3: "));
    assert_false(next(&line));
    assert_int_equal(trace.damaged, 3);
    assert_non_null(strstr(complaints, "boot.log:4: "));
    fclose(file);
}

static void refuses_values_that_qemu_cannot_mean(void **state)
{
    static const char *const lines[] = {
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x1 value 0x1 size 3 name 'virtio-mmio'\n",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x11112222333344445 value 0x1 size 1 name "
        "'virtio-mmio'\n",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x1 value x1 size 1 name 'virtio-mmio'\n",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x1 value 0x1 size 1 name 'virtio-mmio\n",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x1 value 0x1 size 1 name ''\n",
        "memory_region_ops_write cpu 0 mr 0x1 addr 0x1 value 0x1 size 99999999999 name "
        "'virtio-mmio'\n",
        "pci_cfg_write virtio-blk-pci 00:20.0 @0x4 <- 0x1\n",
        "pci_cfg_write virtio-blk-pci 00:01.8 @0x4 <- 0x1\n",
        "pci_cfg_write virtio-blk-pci 00:01.0 @0x1000 <- 0x1\n",
        "pci_cfg_write virtio-blk-pci 00:01.0 @0x4 -> 0x1\n",
        "virtio_set_status vdev 0x5 val 256\n",
        "virtio_queue_notify vdev 0x5 n 4294967296 vq 0x1\n",
        "serial_write write addr 0x0 val\n",
    };
    struct launcher_trace_line line;

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        FILE *file = start(lines[i]);

        if (next(&line))
            fail_msg("understood: %s", lines[i]);
        assert_int_equal(trace.damaged, 1);
        fclose(file);
    }
}

static void complains_a_few_times_and_counts_the_rest(void **state)
{
    char text[2000] = "";
    struct launcher_trace_line line;
    unsigned lines = 0;
    FILE *file;

    (void)state;
    for (int i = 0; i < 20; i++)
        strcat(text, "virtqueue_pop vq\n");
    file = start(text);
    assert_false(next(&line));
    assert_int_equal(trace.damaged, 20);
    for (const char *at = complaints; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 5);
    fclose(file);
}

static void a_last_line_without_an_end_is_cut_off_and_not_damaged(void **state)
{
    struct launcher_trace_line line;
    FILE *file = start("virtio_set_status vdev 0x5 val 0\nmemory_region_ops_write cpu 0 mr 0x7");

    (void)state;
    assert_true(next(&line));
    assert_false(trace.cut_off);
    assert_false(next(&line));
    assert_int_equal(trace.damaged, 0);
    assert_true(trace.cut_off);
    assert_int_equal(trace.lines, 2);
    fclose(file);
}

/* Longer than the buffer, with an event far behind its beginning that must not count. */
static void a_line_without_end_is_passed_over(void **state)
{
    enum { LENGTH = 3 * LAUNCHER_TRACE_BUFFER };
    static const char event[] = "virtio_set_status vdev 0x5 val 1\n";
    char *text = malloc(LENGTH + sizeof(event) * 2);
    struct launcher_trace_line line;
    FILE *file;

    (void)state;
    memset(text, 'x', LENGTH);
    strcpy(text + LENGTH, event);
    strcat(text + LENGTH, "virtio_set_status vdev 0x5 val 2\n");
    file = start(text);
    assert_true(next(&line));
    assert_int_equal(line.value, 2);
    assert_int_equal(line.number, 2);
    assert_false(next(&line));
    fclose(file);
    free(text);
}

static void draining_reads_what_a_writer_still_has(void **state)
{
    struct launcher_trace_line line;
    char *text = malloc(400000);
    FILE *file;

    (void)state;
    memset(text, '\n', 399999);
    text[399999] = '\0';
    memcpy(text, "virtio_set_status vdev 0x5 val 1", 32);
    file = start(text);
    assert_true(next(&line));
    launcher_trace_drain(&trace);
    assert_int_equal(fgetc(file), EOF);
    assert_false(next(&line));
    fclose(file);
    free(text);
}

/* ---- The machine ---- */

static struct launcher_trace_machine machine;
static struct launcher_trace_event event;

/* Takes lines until one means something; false: none does. */
static bool take(const char *text)
{
    static char kept[4096];
    struct launcher_trace_line line;
    bool found = false;
    FILE *file;

    snprintf(kept, sizeof(kept), "%s\n", text);
    file = start(kept);
    while (next(&line))
        found = launcher_trace_machine_line(&machine, &line, &event);
    assert_int_equal(trace.damaged, 0);
    fclose(file);
    return found;
}

static bool region(bool write, unsigned mr, uint64_t address, unsigned value, unsigned size,
                   const char *name)
{
    char text[256];

    snprintf(text, sizeof(text),
             "memory_region_ops_%s cpu 0 mr 0x%x addr 0x%llx value 0x%x size %u name '%s'",
             write ? "write" : "read", mr, (unsigned long long)address, value, size, name);
    return take(text);
}

static bool config(const char *function, unsigned offset, unsigned value)
{
    char text[128];

    snprintf(text, sizeof(text), "pci_cfg_write %s @0x%x <- 0x%x", function, offset, value);
    return take(text);
}

static int set_up(void **state)
{
    (void)state;
    launcher_trace_machine_init(&machine, "hello");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    launcher_trace_machine_free(&machine);
    return 0;
}

static void addresses_tell_two_devices_of_a_kind_apart(void **state)
{
    struct launcher_trace_device *first;

    (void)state;
    assert_true(config("virtio-blk-pci 00:01.0", 0x20, 0xffffffff)); /* asks how large it is */
    assert_true(config("virtio-blk-pci 00:01.0", 0x20, 0xfebe400c));
    assert_true(config("virtio-blk-pci 00:02.0", 0x20, 0xfebe8000));
    assert_true(region(true, 7, 0xfebe4014, 0, 1, "virtio-pci-common-virtio-blk"));
    assert_string_equal(event.device->name, "00:01.0 blk");
    assert_int_equal(event.access.reg, LAUNCHER_REG_STATUS);
    assert_true(event.access.write);
    first = event.device;
    assert_true(region(true, 8, 0xfebe8014, 0, 1, "virtio-pci-common-virtio-blk"));
    assert_string_equal(event.device->name, "00:02.0 blk");
    assert_true(region(true, 9, 0xfebe7000, 0, 2, "virtio-pci-notify-virtio-blk"));
    assert_ptr_equal(event.device, first);
    assert_int_equal(event.access.reg, LAUNCHER_REG_NOTIFY);
    assert_int_equal(machine.count, 2);
}

static void a_region_stays_its_device_when_a_bar_moves(void **state)
{
    (void)state;
    config("virtio-rng-pci 00:03.0", 0x20, 0xfebe4000);
    region(true, 7, 0xfebe4014, 0, 1, "virtio-pci-common-virtio-rng");
    config("virtio-rng-pci 00:03.0", 0x20, 0xc0000000);
    config("virtio-net-pci 00:04.0", 0x20, 0xfebe4000);
    assert_true(region(true, 7, 0xc0000014, 1, 1, "virtio-pci-common-virtio-rng"));
    assert_string_equal(event.device->name, "00:03.0 rng");
    assert_int_equal(event.access.reg, LAUNCHER_REG_STATUS);
}

static void bars_above_4_gib_are_found(void **state)
{
    (void)state;
    config("virtio-blk-pci 00:01.0", 0x20, 0xc);
    config("virtio-blk-pci 00:01.0", 0x24, 0xe0);
    config("virtio-blk-pci 00:02.0", 0x20, 0x400c);
    config("virtio-blk-pci 00:02.0", 0x24, 0xe0);
    assert_true(region(false, 7, 0xe000000014, 0, 1, "virtio-pci-common-virtio-blk"));
    assert_string_equal(event.device->name, "00:01.0 blk");
    assert_true(region(false, 8, 0xe000004014, 0, 1, "virtio-pci-common-virtio-blk"));
    assert_string_equal(event.device->name, "00:02.0 blk");
}

static void the_legacy_block_is_found_by_its_ports(void **state)
{
    (void)state;
    config("virtio-net-pci-transitional 00:02.0", 0x10, 0xc040);
    config("virtio-blk-pci 00:01.0", 0x10, 0xc001);
    assert_true(region(true, 7, 0xc012, 3, 1, "virtio-pci"));
    assert_string_equal(event.device->name, "00:01.0 blk");
    assert_int_equal(event.access.reg, LAUNCHER_REG_STATUS);
    assert_true(event.legacy);
    assert_true(region(false, 8, 0xc040 + 20, 0x52, 1, "virtio-pci"));
    assert_string_equal(event.device->name, "00:02.0 net");
    assert_int_equal(event.access.reg, LAUNCHER_REG_CONFIG);
    assert_int_equal(event.access.offset, 0);
    config("virtio-net-pci-transitional 00:02.0", 0x9a, 0x8001); /* MSI-X moves it */
    assert_true(region(false, 8, 0xc040 + 24, 0x52, 1, "virtio-pci"));
    assert_int_equal(event.access.reg, LAUNCHER_REG_CONFIG);
    assert_int_equal(event.access.offset, 0);
    assert_true(region(true, 8, 0xc040 + 16, 1, 2, "virtio-pci"));
    assert_int_equal(event.access.reg, LAUNCHER_REG_NOTIFY);
}

static void without_pci_configuration_an_address_is_the_name(void **state)
{
    (void)state;
    assert_true(region(true, 7, 0xfebe4014, 0, 1, "virtio-pci-common-virtio-blk"));
    assert_string_equal(event.device->name, "blk at 0xfebe4000");
    assert_true(region(true, 8, 0xfebe7000, 0, 2, "virtio-pci-notify-virtio-blk"));
    assert_true(region(true, 9, 0xc012, 0, 1, "virtio-pci"));
    assert_string_equal(event.device->name, "device at port 0xc000");
    assert_int_equal(machine.count, 2);
}

static void mmio_slots_are_named_by_their_device_id(void **state)
{
    (void)state;
    assert_true(region(false, 7, 0xfeb02e04, 1, 4, "virtio-mmio"));
    assert_true(event.device->mmio);
    assert_true(event.legacy);
    assert_true(region(false, 7, 0xfeb02e08, 2, 4, "virtio-mmio"));
    assert_string_equal(event.device->name, "blk at 0xfeb02e00");
    assert_true(region(false, 7, 0xfeb02f00, 9, 4, "virtio-mmio"));
    assert_int_equal(event.access.reg, LAUNCHER_REG_CONFIG);
    assert_true(region(false, 8, 0xfeb02c08, 0, 4, "virtio-mmio"));
    assert_true(event.device->empty);
}

static void keeps_the_state_that_accesses_leave(void **state)
{
    struct launcher_trace_device *device;

    (void)state;
    config("virtio-blk-pci 00:01.0", 0x20, 0xfebe4000);
    config("virtio-blk-pci 00:01.0", 0x04, 0x107);
    device = event.device;
    assert_int_equal(event.access.reg, LAUNCHER_REG_PCI_COMMAND);
    assert_true(device->master);
    assert_true(config("virtio-blk-pci 00:01.0", 0x04, 0x107));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_SEEN); /* nothing changes */
    config("virtio-blk-pci 00:01.0", 0x9a, 0xc000);
    assert_true(device->msix);
    for (unsigned queue = 0; queue < 3; queue++) {
        region(true, 7, 0xfebe4016, queue, 2, "virtio-pci-common-virtio-blk");
        region(true, 7, 0xfebe401c, 1, 2, "virtio-pci-common-virtio-blk");
    }
    region(true, 7, 0xfebe401c, 1, 2, "virtio-pci-common-virtio-blk"); /* the same once more */
    assert_int_equal(device->queues_enabled, 3);
    region(true, 7, 0xfebe4014, 0xf, 1, "virtio-pci-common-virtio-blk");
    assert_int_equal(device->status, 0xf);
    assert_int_equal(device->lives, 1);
    region(true, 7, 0xfebe4014, 0, 1, "virtio-pci-common-virtio-blk");
    assert_int_equal(device->queues_enabled, 0);
    assert_false(device->confirmed);
    region(false, 7, 0xfebe4014, 0xf, 1, "virtio-pci-common-virtio-blk");
    assert_true(device->refused);
    assert_false(device->confirmed);
    region(false, 7, 0xfebe4014, 0, 1, "virtio-pci-common-virtio-blk");
    assert_true(device->confirmed);
    assert_false(device->refused);
    region(true, 7, 0xfebe4014, 0, 1, "virtio-pci-common-virtio-blk");
    region(true, 7, 0xfebe4014, 1, 1, "virtio-pci-common-virtio-blk");
    assert_int_equal(device->unconfirmed, 1);
    config("virtio-blk-pci 00:01.0", 0x04, 0x103);
    config("virtio-blk-pci 00:01.0", 0x9a, 0x4000);
    assert_false(device->master);
    assert_false(device->msix);
}

static void counts_what_a_notification_costs(void **state)
{
    struct launcher_trace_device *device;

    (void)state;
    region(true, 7, 0xfebe4014, 4, 1, "virtio-pci-common-virtio-blk");
    device = event.device;
    for (int i = 0; i < 3; i++) {
        region(false, 7, 0xfebe4014, 4, 1, "virtio-pci-common-virtio-blk"); /* is no part of it */
        region(false, 7, 0xfebe4016, 0, 2, "virtio-pci-common-virtio-blk");
        region(true, 9, 0xfebe7000, 0, 2, "virtio-pci-notify-virtio-blk");
    }
    assert_int_equal(device->notifications, 3);
    assert_int_equal(device->measured, 2);
    assert_int_equal(device->cost, 4);
}

static void requests_are_found_through_qemus_pointers(void **state)
{
    (void)state;
    take("virtio_set_status vdev 0x50 val 0"); /* of a device that no line has named yet */
    assert_false(take("virtqueue_pop vq 0x60 elem 0x1 in_num 1 out_num 1"));
    region(true, 7, 0xfebe4014, 4, 1, "virtio-pci-common-virtio-blk");
    take("virtio_set_status vdev 0x51 val 4");
    assert_true(take("virtio_queue_notify vdev 0x51 n 3 vq 0x61"));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_KICK);
    assert_true(take("virtqueue_pop vq 0x61 elem 0x1 in_num 1 out_num 1"));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_BUFFER_TAKEN);
    assert_string_equal(event.device->name, "blk at 0xfebe4000");
    assert_int_equal(event.queue, 3);
    assert_true(take("virtqueue_fill vq 0x61 elem 0x1 len 513 idx 0"));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_BUFFER_USED);
    assert_int_equal(event.value, 513);
    assert_false(take("virtio_queue_notify vdev 0x50 n 3 vq 0x62"));
    region(true, 7, 0xfebe4014, 0, 1, "virtio-pci-common-virtio-blk");
    region(true, 5, 0x3f8, 'x', 1, "serial");
    take("virtio_set_status vdev 0x53 val 0"); /* not for the access before the last one */
    assert_false(take("virtio_queue_notify vdev 0x53 n 0 vq 0x63"));
}

static void hears_the_text_on_a_uart_but_not_in_its_divisor(void **state)
{
    static const char said[] = "ohhello";

    (void)state;
    region(true, 5, 0x3fb, 0x83, 1, "serial");
    for (size_t i = 0; i < COUNT(said) - 1; i++)
        assert_false(region(true, 5, 0x3f8, (unsigned)said[i], 1, "serial"));
    region(true, 5, 0x3fb, 0x03, 1, "serial");
    for (size_t i = 0; i < COUNT(said) - 2; i++)
        assert_false(region(true, 5, 0x3f8, (unsigned)said[i], 1, "serial"));
    assert_false(take("serial_write write addr 0x00 val 0x6f")); /* says the same again */
    assert_true(region(true, 5, 0x3f8, 'o', 1, "serial"));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_OS_TEXT);
}

static void hears_the_text_in_serial_writes_alone(void **state)
{
    (void)state;
    assert_false(take("serial_write write addr 0x00 val 0x68\n"
                      "serial_write write addr 0x00 val 0x65\n"
                      "serial_write write addr 0x01 val 0x07\n"
                      "serial_write write addr 0x00 val 0x6c\n"
                      "serial_write write addr 0x00 val 0x6c"));
    assert_true(take("serial_write write addr 0x00 val 0x6f"));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_OS_TEXT);
}

static void markers_count_in_their_order_only(void **state)
{
    (void)state;
    assert_false(region(true, 5, 0x80, 0x52, 1, "ioport80"));
    assert_false(region(false, 5, 0x80, 0x51, 1, "ioport80"));
    assert_false(region(true, 5, 0x80, 0x41, 1, "ioport80"));
    assert_true(region(true, 5, 0x80, 0x51, 1, "ioport80"));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_ENTRY);
    assert_false(region(true, 5, 0x80, 0x51, 1, "ioport80"));
    assert_true(region(true, 5, 0x80, 0x52, 1, "ioport80"));
    assert_int_equal(event.meaning, LAUNCHER_TRACE_HANDOFF);
}

static void says_so_when_there_are_more_devices_than_anyone_has(void **state)
{
    char name[64];

    (void)state;
    for (unsigned i = 0; i < LAUNCHER_TRACE_DEVICES + 5; i++) {
        snprintf(name, sizeof(name), "virtio-blk-pci %02x:%02x.0", i / 32, i % 32);
        config(name, 4, 7);
    }
    assert_int_equal(machine.count, LAUNCHER_TRACE_DEVICES);
    assert_true(machine.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_event_as_qemu_writes_it),
        cmocka_unit_test(times_count_from_the_first_line_that_has_one),
        cmocka_unit_test(skips_what_has_nothing_to_do_with_virtio),
        cmocka_unit_test(finds_an_event_behind_other_text),
        cmocka_unit_test(names_file_and_line_of_a_torn_line_and_goes_on),
        cmocka_unit_test(refuses_values_that_qemu_cannot_mean),
        cmocka_unit_test(complains_a_few_times_and_counts_the_rest),
        cmocka_unit_test(a_last_line_without_an_end_is_cut_off_and_not_damaged),
        cmocka_unit_test(a_line_without_end_is_passed_over),
        cmocka_unit_test(draining_reads_what_a_writer_still_has),
        cmocka_unit_test_setup_teardown(addresses_tell_two_devices_of_a_kind_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_region_stays_its_device_when_a_bar_moves, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bars_above_4_gib_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_legacy_block_is_found_by_its_ports, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_pci_configuration_an_address_is_the_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(mmio_slots_are_named_by_their_device_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_state_that_accesses_leave, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_what_a_notification_costs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_are_found_through_qemus_pointers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(hears_the_text_on_a_uart_but_not_in_its_divisor, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(hears_the_text_in_serial_writes_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(markers_count_in_their_order_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_so_when_there_are_more_devices_than_anyone_has, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
