/* SPDX-License-Identifier: BSD-2-Clause */
/* The launcher's console (VIRTIO 1.4, 5.3): data, size, emergency writes, ports; and the rules for drivers of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/console.h"
#include "launcher/model.h"
#include "tests/unit/support/raw_blk.h"

#define BIT(feature) (1ull << (feature))
#define SIZE         BIT(VIRTIO_CONSOLE_F_SIZE)
#define MULTIPORT    BIT(VIRTIO_CONSOLE_F_MULTIPORT)
#define EMERG_WRITE  BIT(VIRTIO_CONSOLE_F_EMERG_WRITE)

enum {
    QUEUE = 8,
    BUFFER = 64,
    STEP = 1000,
    RECEIVE = 0,
    TRANSMIT = 1,
    CONTROL_RECEIVE = 2,
    CONTROL_TRANSMIT = 3,
    COLS = offsetof(struct virtio_console_config, cols),
    ROWS = offsetof(struct virtio_console_config, rows),
    MAX_PORTS = offsetof(struct virtio_console_config, max_nr_ports),
    EMERG = offsetof(struct virtio_console_config, emerg_wr),
};

struct console {
    struct raw_driver *raw;
    struct launcher_device *dev;
};

static struct console found(const struct launcher_options *options)
{
    struct launcher_options complete = *options;
    struct console console;

    complete.type = VIRTIO_ID_CONSOLE;
    complete.queue_size = QUEUE;
    console.raw = raw_driver_new(&complete);
    console.dev = console.raw->dev;
    return console;
}

/* Gives a queue `count` buffers to be written to. */
static void give(struct console *console, unsigned queue, unsigned count)
{
    struct raw_driver *raw = console->raw;

    for (unsigned i = 0; i < count; i++)
        RAW_ADD(raw->queues[queue], {raw_alloc(raw, BUFFER), BUFFER, RAW_WRITE});
    (void)raw_kick(raw->queues[queue]);
    raw_run(raw, STEP);
}

static void send(struct console *console, unsigned queue, const void *bytes, uint32_t length)
{
    struct raw_driver *raw = console->raw;
    uint64_t at = raw_alloc(raw, length);
    struct raw_used used;

    memcpy(raw_at(raw, at), bytes, length);
    RAW_ADD(raw->queues[queue], {at, length, RAW_READ});
    (void)raw_kick(raw->queues[queue]);
    raw_run(raw, STEP);
    assert_true(raw_used(raw->queues[queue], &used));
    assert_int_equal(used.length, 0);
}

/* What came back next from a receive queue, as text of at most 63 bytes; NULL: nothing did. */
static const char *got(struct console *console, unsigned queue, uint32_t *length)
{
    static char text[BUFFER + 1];
    struct raw_queue *of = console->raw->queues[queue];
    struct raw_used used;
    uint64_t address;

    *length = 0;
    if (!raw_used(of, &used))
        return NULL;
    address = raw_get32(console->raw, of->desc + 16ull * used.id);
    memcpy(text, raw_at(console->raw, address), BUFFER);
    text[used.length < BUFFER ? used.length : BUFFER] = '\0';
    *length = used.length;
    return text;
}

static struct console single(const struct launcher_options *options, uint64_t features)
{
    struct console console = found(options);

    assert_true(raw_start(console.raw, features));
    (void)raw_queue(console.raw, RECEIVE, QUEUE);
    (void)raw_queue(console.raw, TRANSMIT, QUEUE);
    raw_live(console.raw);
    return console;
}

static void assert_output(const struct console *console, unsigned port, const char *text)
{
    size_t length;
    const uint8_t *output = launcher_console_output(console->dev, port, &length);

    assert_int_equal(length, strlen(text));
    if (length != 0)
        assert_memory_equal(output, text, length);
}

/* ---- One port ---- */

/* DEV-CON-01: one port is enough. */
static void what_is_sent_is_output_and_what_is_typed_is_received(void **state)
{
    struct console console = single(&(struct launcher_options){0}, 0);
    uint32_t length = 0;

    (void)state;
    assert_output(&console, 0, "");
    send(&console, TRANSMIT, "hello ", 6);
    send(&console, TRANSMIT, "world", 5);
    assert_output(&console, 0, "hello world");
    launcher_console_forget_output(console.dev, 0);
    assert_output(&console, 0, "");
    give(&console, RECEIVE, 2);
    assert_null(got(&console, RECEIVE, &length));
    assert_true(launcher_console_type(console.dev, 0, "abc", 3));
    assert_int_equal(launcher_console_waiting(console.dev, 0), 3);
    raw_run(console.raw, STEP);
    assert_string_equal(got(&console, RECEIVE, &length), "abc");
    assert_null(got(&console, RECEIVE, &length));
    assert_int_equal(launcher_console_waiting(console.dev, 0), 0);
    /* Input that no buffer is there for waits, also for a reset. */
    assert_true(launcher_console_type(console.dev, 0, "x", 1));
    raw_run(console.raw, STEP);
    assert_true(launcher_console_type(console.dev, 0, "yz", 2));
    assert_true(raw_reset(console.raw));
    assert_int_equal(launcher_console_waiting(console.dev, 0), 2);
    raw_driver_free(console.raw);
}

static void input_comes_in_the_pieces_that_are_wished(void **state)
{
    struct console console = single(&(struct launcher_options){0}, 0);
    uint32_t length;

    (void)state;
    launcher_console_limit(console.dev, 2);
    launcher_console_return_empty(console.dev, 1);
    assert_true(launcher_console_type(console.dev, 0, "abc", 3));
    give(&console, RECEIVE, 4);
    assert_string_equal(got(&console, RECEIVE, &length), "");
    assert_int_equal(length, 0);
    assert_string_equal(got(&console, RECEIVE, &length), "ab");
    assert_string_equal(got(&console, RECEIVE, &length), "c");
    assert_null(got(&console, RECEIVE, &length));
    launcher_console_return_empty(console.dev, UINT64_MAX);
    raw_run(console.raw, STEP);
    assert_string_equal(got(&console, RECEIVE, &length), "");
    raw_driver_free(console.raw);
}

static void the_size_is_stated_and_changes(void **state)
{
    const struct launcher_options options = {.columns = 132, .rows = 43};
    struct console console = single(&options, SIZE);
    unsigned interrupts = console.raw->interrupts;

    (void)state;
    assert_int_equal(raw_config(console.raw, COLS, 2), 132);
    assert_int_equal(raw_config(console.raw, ROWS, 2), 43);
    assert_true(launcher_console_resize(console.dev, 0, 100, 30));
    assert_int_equal(raw_config(console.raw, COLS, 2), 100);
    assert_int_equal(raw_config(console.raw, ROWS, 2), 30);
    assert_true(console.raw->interrupts > interrupts);
    assert_false(launcher_console_resize(console.dev, 99, 100, 30));
    raw_driver_free(console.raw);

    console = single(&(struct launcher_options){.columns = 132,
                                                .rows = 43,
                                                .personality = launcher_personality("rows-first")},
                     SIZE);
    assert_int_equal(raw_config(console.raw, COLS, 2), 43);
    assert_int_equal(raw_config(console.raw, ROWS, 2), 132);
    raw_driver_free(console.raw);
}

/* DEV-CON-02, DEV-CON-03: at any time, the low byte; and it is no early output. */
static void emergency_writes_work_at_any_time(void **state)
{
    struct console console = found(&(struct launcher_options){0});
    struct raw_window *config = &console.raw->config;
    size_t length;

    (void)state;
    assert_int_not_equal(raw_offered(console.raw) & EMERG_WRITE, 0);
    launcher_write(console.dev, config->region, config->offset + EMERG, 4, 'a');
    assert_true(raw_start(console.raw, 0));
    launcher_write(console.dev, config->region, config->offset + EMERG, 4, 0x12345600 + 'b');
    raw_live(console.raw);
    launcher_write(console.dev, config->region, config->offset + EMERG, 4, 'c');
    assert_memory_equal(launcher_console_emergency(console.dev, &length), "abc", 3);
    assert_int_equal(length, 3);
    assert_int_equal(console.dev->early_outputs, 0);
    assert_output(&console, 0, "");
    launcher_forget_violations(console.dev); /* of the register accesses' order */
    raw_driver_free(console.raw);
}

/* ---- Ports ---- */

/* Up to DEVICE_READY, with 8 buffers for control messages. */
static struct console multiport(const struct launcher_options *options)
{
    struct console console = found(options);

    assert_true(raw_start(console.raw, MULTIPORT | SIZE));
    for (unsigned queue = 0; queue < 6; queue++)
        (void)raw_queue(console.raw, (uint16_t)queue, QUEUE);
    raw_live(console.raw);
    give(&console, CONTROL_RECEIVE, QUEUE);
    return console;
}

static void say(struct console *console, uint32_t port, uint16_t event, uint16_t value)
{
    struct virtio_console_control control = {{port}, {event}, {value}};

    send(console, CONTROL_TRANSMIT, &control, sizeof(control));
}

/* The next control message; its buffer is given back. Returns the text behind it. */
static const char *hear(struct console *console, uint32_t port, uint16_t event, uint16_t value)
{
    static char text[BUFFER + 1];
    struct virtio_console_control control;
    uint32_t length = 0;
    const char *message;

    raw_run(console->raw, STEP);
    message = got(console, CONTROL_RECEIVE, &length);
    assert_non_null(message);
    assert_true(length >= sizeof(control));
    memcpy(&control, message, sizeof(control));
    assert_int_equal(control.id.le, port);
    assert_int_equal(control.event.le, event);
    if (event == VIRTIO_CONSOLE_PORT_OPEN)
        assert_int_equal(control.value.le, value);
    memcpy(text, message + sizeof(control), BUFFER + 1 - sizeof(control));
    give(console, CONTROL_RECEIVE, 1);
    return text;
}

static void hear_nothing(struct console *console)
{
    uint32_t length;

    raw_run(console->raw, STEP);
    assert_null(got(console, CONTROL_RECEIVE, &length));
}

/* Port 0 is a console, and opened. */
static void open_port_0(struct console *console)
{
    say(console, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    (void)hear(console, 0, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    say(console, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    (void)hear(console, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 0);
    (void)hear(console, 0, VIRTIO_CONSOLE_RESIZE, 0);
    say(console, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* DEV-CON-01, DEV-CON-04: the handshake; several ports, several consoles. */
static void ports_are_announced_and_described(void **state)
{
    struct console console = multiport(&(struct launcher_options){.columns = 90, .rows = 40});
    struct launcher_console_state port;
    const char *text;
    uint32_t length;

    (void)state;
    assert_int_equal(raw_config(console.raw, MAX_PORTS, 4), 4);
    assert_true(launcher_console_add_port(console.dev, 1, true, "org.slate.1"));
    assert_true(launcher_console_open(console.dev, 1, true));
    hear_nothing(&console); /* the driver is not ready yet */
    say(&console, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    assert_true(launcher_console_is_ready(console.dev));
    (void)hear(&console, 0, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    (void)hear(&console, 1, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    hear_nothing(&console);
    say(&console, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    (void)hear(&console, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 0);
    text = hear(&console, 0, VIRTIO_CONSOLE_RESIZE, 0);
    assert_int_equal(text[0], 90); /* columns come first */
    assert_int_equal(text[2], 40);
    say(&console, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    say(&console, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    (void)hear(&console, 1, VIRTIO_CONSOLE_CONSOLE_PORT, 0);
    (void)hear(&console, 1, VIRTIO_CONSOLE_RESIZE, 0);
    assert_string_equal(hear(&console, 1, VIRTIO_CONSOLE_PORT_NAME, 0), "org.slate.1");
    (void)hear(&console, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    hear_nothing(&console);
    assert_true(launcher_console_port(console.dev, 1, &port));
    assert_true(port.ready && port.host_open && !port.guest_open);

    /* Data goes where it belongs; input waits for the port to be open. */
    send(&console, TRANSMIT, "zero", 4);
    send(&console, 5, "one", 3);
    assert_output(&console, 0, "zero");
    assert_output(&console, 1, "one");
    give(&console, RECEIVE, 1);
    give(&console, 4, 1);
    assert_true(launcher_console_type(console.dev, 1, "in", 2));
    raw_run(console.raw, STEP);
    assert_null(got(&console, 4, &length));
    say(&console, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    raw_run(console.raw, STEP);
    assert_string_equal(got(&console, 4, &length), "in");
    assert_true(raw_reset(console.raw));
    raw_driver_free(console.raw);
}

/* DEV-CON-05, DEV-CON-06, DEV-CON-07: ports are plugged once, in range, and unplugged if they are there. */
static void ports_come_and_go(void **state)
{
    struct console console = multiport(&(struct launcher_options){0});
    struct launcher_console_state port;

    (void)state;
    assert_false(launcher_console_add_port(console.dev, 0, false, NULL));
    assert_false(launcher_console_add_port(console.dev, 4, false, NULL));
    assert_false(launcher_console_port(console.dev, 4, &port));
    assert_false(launcher_console_remove_port(console.dev, 1));
    open_port_0(&console);
    assert_true(launcher_console_add_port(console.dev, 1, false, NULL));
    (void)hear(&console, 1, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    say(&console, 1, VIRTIO_CONSOLE_PORT_READY, 0); /* it cannot */
    assert_true(launcher_console_port(console.dev, 1, &port));
    assert_true(port.announced && port.refused && !port.ready);
    assert_true(launcher_console_remove_port(console.dev, 1));
    (void)hear(&console, 1, VIRTIO_CONSOLE_DEVICE_REMOVE, 0);
    assert_false(launcher_console_type(console.dev, 1, "x", 1));
    assert_true(launcher_console_add_port(console.dev, 1, false, NULL));
    (void)hear(&console, 1, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    say(&console, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    assert_true(launcher_console_open(console.dev, 1, true));
    assert_false(launcher_console_open(console.dev, 1, true));
    (void)hear(&console, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
    assert_true(launcher_console_open(console.dev, 1, false));
    (void)hear(&console, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
    assert_true(launcher_console_resize(console.dev, 0, 7, 8));
    assert_int_equal(hear(&console, 0, VIRTIO_CONSOLE_RESIZE, 0)[0], 7);
    hear_nothing(&console);
    assert_true(raw_reset(console.raw));
    raw_driver_free(console.raw);
}

/* A new life begins from the start: nothing is known of what the driver said. */
static void a_reset_begins_the_handshake_anew(void **state)
{
    struct console console = multiport(&(struct launcher_options){0});
    struct launcher_console_state port;

    (void)state;
    open_port_0(&console);
    assert_true(raw_reset(console.raw));
    assert_false(launcher_console_is_ready(console.dev));
    assert_true(launcher_console_port(console.dev, 0, &port));
    assert_true(port.added && !port.announced && !port.ready && !port.guest_open);
    assert_true(raw_start(console.raw, MULTIPORT | SIZE));
    for (unsigned queue = 0; queue < 4; queue++)
        (void)raw_queue(console.raw, (uint16_t)queue, QUEUE);
    raw_live(console.raw);
    give(&console, CONTROL_RECEIVE, QUEUE);
    open_port_0(&console);
    raw_driver_free(console.raw);
}

/* ---- Rules ---- */

/* DRV-CON-01, DRV-CON-02: directions, on data and control queues. */
static void directions_are_judged(void **state)
{
    struct console console = multiport(&(struct launcher_options){0});
    struct raw_driver *raw = console.raw;
    uint64_t at = raw_alloc(raw, 16);

    (void)state;
    RAW_ADD(raw->queues[RECEIVE], {at, 8, RAW_READ});
    (void)raw_kick(raw->queues[RECEIVE]);
    raw_expect(raw, "DRV-CON-01");
    raw_run(raw, STEP); /* once a buffer */
    assert_null(launcher_first_violation(raw->dev));
    RAW_ADD(raw->queues[4], {at, 8, RAW_READ});
    (void)raw_kick(raw->queues[4]);
    raw_expect(raw, "DRV-CON-01");
    RAW_ADD(raw->queues[TRANSMIT], {at, 8, RAW_WRITE});
    (void)raw_kick(raw->queues[TRANSMIT]);
    raw_expect(raw, "DRV-CON-02");
    RAW_ADD(raw->queues[CONTROL_TRANSMIT], {at, 8, RAW_READ}, {at + 8, 8, RAW_WRITE});
    (void)raw_kick(raw->queues[CONTROL_TRANSMIT]);
    raw_expect(raw, "DRV-CON-02");
    raw_driver_free(raw);
}

/* DRV-CON-03: output, and no DEVICE_READY. */
static void a_missing_device_ready_is_judged(void **state)
{
    struct console console = multiport(&(struct launcher_options){0});

    (void)state;
    give(&console, RECEIVE, 1);
    send(&console, TRANSMIT, "x", 1);
    assert_null(launcher_first_violation(console.dev));
    assert_true(raw_reset(console.raw));
    raw_expect(console.raw, "DRV-CON-03");
    raw_driver_free(console.raw);
}

/* DRV-CON-05, DRV-CON-06, IMP-CON-05, IMP-CON-07: answers that do not come, or say the wrong thing. */
static void answers_are_judged(void **state)
{
    struct console console = multiport(&(struct launcher_options){0});

    (void)state;
    say(&console, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    (void)hear(&console, 0, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    say(&console, 0, VIRTIO_CONSOLE_PORT_READY, 2);
    raw_expect(console.raw, "IMP-CON-07");
    say(&console, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    raw_expect(console.raw, "IMP-CON-07");
    (void)hear(&console, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 0);
    say(&console, 0, VIRTIO_CONSOLE_PORT_OPEN, 0);
    raw_expect(console.raw, "DRV-CON-06");
    raw_driver_free(console.raw);

    console = multiport(&(struct launcher_options){0});
    say(&console, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    (void)hear(&console, 0, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    say(&console, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    (void)hear(&console, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 0);
    assert_true(raw_reset(console.raw));
    raw_expect(console.raw, "DRV-CON-05");
    raw_driver_free(console.raw);

    console = multiport(&(struct launcher_options){0});
    say(&console, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    (void)hear(&console, 0, VIRTIO_CONSOLE_DEVICE_ADD, 0);
    send(&console, TRANSMIT, "x", 1);
    raw_expect(console.raw, "IMP-CON-05");
    give(&console, RECEIVE, 1);
    assert_true(raw_reset(console.raw));
    raw_expect(console.raw, "IMP-CON-05");
    raw_driver_free(console.raw);
}

/* A message that the driver has not looked at yet needs no answer. */
static void an_unread_message_needs_no_answer(void **state)
{
    struct console console = multiport(&(struct launcher_options){0});
    uint32_t length;

    (void)state;
    say(&console, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
    raw_run(console.raw, STEP);
    assert_non_null(got(&console, CONTROL_RECEIVE, &length));
    assert_true(raw_reset(console.raw));
    raw_driver_free(console.raw);
}

/* IMP-CON-01, IMP-CON-02, IMP-CON-04: queues of ports that are not there, and without buffers for input. */
static void queues_are_judged(void **state)
{
    struct console console = multiport(&(struct launcher_options){0});

    (void)state;
    open_port_0(&console);
    send(&console, 5, "x", 1);
    raw_expect(console.raw, "IMP-CON-01");
    send(&console, TRANSMIT, "x", 1);
    assert_true(raw_reset(console.raw));
    raw_expect(console.raw, "IMP-CON-04");
    assert_true(raw_start(console.raw, 0));
    for (unsigned queue = 0; queue < 3; queue++)
        (void)raw_queue(console.raw, (uint16_t)queue, QUEUE);
    raw_live(console.raw);
    raw_expect(console.raw, "IMP-CON-02");
    raw_driver_free(console.raw);
}

/* DRV-CON-07, DEV-CON-08: the configuration of a legacy device has the guest's byte order. */
static void legacy_configuration_has_the_guests_byte_order(void **state)
{
    struct console console =
        found(&(struct launcher_options){.front = LAUNCHER_PCI_LEGACY, .big_endian = true});
    size_t length;

    (void)state;
    assert_int_equal(launcher_read(console.dev, 0, VIRTIO_PCI_LEGACY_CONFIG + COLS, 2), 80 << 8);
    launcher_forget_violations(console.dev);
    launcher_write(console.dev, 0, VIRTIO_PCI_LEGACY_CONFIG + EMERG, 4,
                   __builtin_bswap32((uint32_t)'q'));
    assert_memory_equal(launcher_console_emergency(console.dev, &length), "q", 1);
    assert_int_equal(length, 1);
    launcher_forget_violations(console.dev);
    launcher_write(console.dev, 0, VIRTIO_PCI_LEGACY_CONFIG + EMERG, 4, 'q');
    raw_expect_among(console.raw, "DRV-CON-07");
    raw_driver_free(console.raw);
}

/* DRV-CON-08, DRV-CON-10, DEV-CON-09: control messages of legacy devices. */
static void legacy_control_messages_are_judged(void **state)
{
    struct console console =
        found(&(struct launcher_options){.front = LAUNCHER_PCI_LEGACY, .big_endian = true});
    struct raw_driver *raw = console.raw;
    uint64_t at = raw_alloc(raw, 64);
    uint32_t written;

    (void)state;
    console.dev->accepted = MULTIPORT;
    raw_put64(raw, at, (uint64_t)__builtin_bswap16(1) << 48); /* DEVICE_READY, value 1 */
    assert_true(RAW_SERVE(raw, CONTROL_TRANSMIT, &written, {at, 8, RAW_READ}));
    assert_true(launcher_console_is_ready(console.dev));
    assert_true(RAW_SERVE(raw, CONTROL_RECEIVE, &written, {at, 32, RAW_WRITE}));
    assert_int_equal(written, 8);
    assert_int_equal(raw_get16(raw, at + 4), VIRTIO_CONSOLE_DEVICE_ADD << 8);
    assert_null(launcher_first_violation(console.dev));
    raw_put64(raw, at, (uint64_t)VIRTIO_CONSOLE_PORT_READY << 32); /* little-endian */
    assert_true(RAW_SERVE(raw, CONTROL_TRANSMIT, &written, {at, 8, RAW_READ}));
    raw_expect(raw, "DRV-CON-08");
    raw_put64(raw, at, 0);
    assert_true(
        RAW_SERVE(raw, CONTROL_TRANSMIT, &written, {at, 4, RAW_READ}, {at + 4, 4, RAW_READ}));
    raw_expect(raw, "DRV-CON-10");
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_is_output_and_what_is_typed_is_received),
        cmocka_unit_test(input_comes_in_the_pieces_that_are_wished),
        cmocka_unit_test(the_size_is_stated_and_changes),
        cmocka_unit_test(emergency_writes_work_at_any_time),
        cmocka_unit_test(ports_are_announced_and_described),
        cmocka_unit_test(ports_come_and_go),
        cmocka_unit_test(a_reset_begins_the_handshake_anew),
        cmocka_unit_test(directions_are_judged),
        cmocka_unit_test(a_missing_device_ready_is_judged),
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(an_unread_message_needs_no_answer),
        cmocka_unit_test(queues_are_judged),
        cmocka_unit_test(legacy_configuration_has_the_guests_byte_order),
        cmocka_unit_test(legacy_control_messages_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
