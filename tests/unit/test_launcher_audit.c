/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts from traces: each finding from a trace that has just that fault, and the recorded boots of other firmware. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/audit.h"

static struct launcher_audit audit;
static char *text; /* of the trace that a test writes */
static size_t text_size;
static FILE *writing;

static int set_up(void **state)
{
    (void)state;
    writing = open_memstream(&text, &text_size);
    assert_non_null(writing);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    launcher_audit_free(&audit);
    if (writing != NULL)
        fclose(writing);
    writing = NULL;
    free(text);
    text = NULL;
    return 0;
}

/* ---- What a trace is written with ---- */

enum { BAR = 0xfebe4000, STATUS = 0x14 };

static void access_line(bool write, unsigned offset, unsigned value, unsigned size,
                        const char *block)
{
    fprintf(writing,
            "memory_region_ops_%s cpu 0 mr 0x%x addr 0x%x value 0x%x size %u name "
            "'virtio-pci-%s-virtio-blk'\n",
            write ? "write" : "read", 0x1000 + offset / 0x1000, BAR + offset, value, size, block);
}

static void write_status(unsigned value)
{
    access_line(true, STATUS, value, 1, "common");
}

static void read_status(unsigned value)
{
    access_line(false, STATUS, value, 1, "common");
}

static void common(unsigned offset, unsigned value, unsigned size)
{
    access_line(true, offset, value, size, "common");
}

static void config(unsigned offset, unsigned value)
{
    fprintf(writing, "pci_cfg_write virtio-blk-pci 00:01.0 @0x%x <- 0x%x\n", offset, value);
}

static void port80(unsigned value)
{
    fprintf(writing,
            "memory_region_ops_write cpu 0 mr 0x9 addr 0x80 value 0x%x size 1 name 'ioport80'\n",
            value);
}

static void uart(const char *said)
{
    for (; *said != '\0'; said++)
        fprintf(writing, "serial_write write addr 0x00 val 0x%02x\n", (unsigned)*said);
}

static void found(void)
{
    config(0x20, BAR);
    config(0x04, 0x103);
}

static void reset(void)
{
    write_status(0);
    read_status(0);
}

/* What a driver has to do, with the modern interface and no feature but VERSION_1. */
static void bring_up(void)
{
    static const unsigned words[] = {0, 1};

    write_status(1);
    write_status(3);
    for (unsigned i = 0; i < 2; i++) {
        common(0x00, words[i], 4);
        access_line(false, 0x04, words[i], 4, "common");
        common(0x08, words[i], 4);
        common(0x0c, words[i], 4);
    }
    write_status(0xb);
    read_status(0xb);
    common(0x16, 0, 2);
    access_line(false, 0x18, 256, 2, "common");
    common(0x18, 256, 2);
    for (unsigned i = 0; i < 6; i++)
        common(0x20 + 4 * i, i % 2 == 0 ? 0x10000 * (i + 1) : 0, 4);
    common(0x1c, 1, 2);
    write_status(0xf);
}

static void kick(void)
{
    access_line(true, 0x3000, 0, 2, "notify");
}

/* What is wrong with the trace goes to `complaints`. */
static char complaints[1024];

static bool run_with(struct launcher_audit_options options)
{
    FILE *file;
    bool judged;

    memset(complaints, 0, sizeof(complaints));
    options.complaints = fmemopen(complaints, sizeof(complaints), "w");

    fclose(writing);
    writing = NULL;
    file = text_size == 0 ? fopen("/dev/null", "r") : fmemopen(text, text_size, "r");
    assert_non_null(file);
    judged = launcher_audit_run(&audit, &options, file, "boot.log");
    fclose(file);
    fclose(options.complaints);
    return judged;
}

static bool run(void)
{
    return run_with((struct launcher_audit_options){.from = LAUNCHER_AUDIT_AUTO});
}

/* ---- What is asked of the result ---- */

static struct launcher_audit_device *device_named(const char *name)
{
    for (unsigned i = 0; i < audit.count; i++)
        if (strcmp(audit.devices[i]->device->name, name) == 0)
            return audit.devices[i];
    fail_msg("the trace has no device %s", name);
    return NULL;
}

static const struct launcher_finding *finding(const char *name, const char *id)
{
    const struct launcher_audit_device *device = device_named(name);

    for (unsigned i = 0; i < device->finding_count; i++)
        if (strcmp(device->findings[i].id, id) == 0)
            return &device->findings[i];
    return NULL;
}

static const struct launcher_violation *violation(const char *name, const char *id)
{
    const struct launcher_violation *at = device_named(name)->referee.first;

    while (at != NULL && strcmp(at->id, id) != 0)
        at = at->next;
    return at;
}

static void assert_verdict(const char *name, enum launcher_verdict verdict)
{
    assert_string_equal(launcher_verdict_name(device_named(name)->verdict),
                        launcher_verdict_name(verdict));
}

/* The one disk of most tests: its verdict, and the one finding that counts (NULL: none does). */
static void assert_disk(enum launcher_verdict verdict, const char *id)
{
    const struct launcher_audit_device *disk = device_named("00:01.0 blk");

    assert_verdict("00:01.0 blk", verdict);
    assert_int_equal(disk->findings_that_count, id != NULL);
    if (id != NULL)
        assert_non_null(finding("00:01.0 blk", id));
    assert_int_equal(launcher_audit_clean(&audit), verdict == LAUNCHER_VERDICT_CLEAN);
}

static char *printed(void (*print)(const struct launcher_audit *, FILE *))
{
    char *to = NULL;
    size_t size;
    FILE *file = open_memstream(&to, &size);

    print(&audit, file);
    fclose(file);
    return to;
}

/* ---- Verdicts ---- */

static void a_device_that_is_reset_used_and_reset_again_is_clean(void **state)
{
    (void)state;
    found();
    reset();
    config(0x04, 0x107);
    bring_up();
    kick();
    reset();
    config(0x04, 0x103);
    uart("Linux version 6.1");
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_CLEAN, NULL);
    assert_null(device_named("00:01.0 blk")->referee.first);
    assert_int_equal(audit.end, LAUNCHER_AUDIT_END_OS_TEXT);
}

static void a_live_device_is_found(void **state)
{
    (void)state;
    found();
    reset();
    bring_up();
    uart("Linux version");
    assert_true(run());
    assert_verdict("00:01.0 blk", LAUNCHER_VERDICT_LIVE);
    assert_non_null(finding("00:01.0 blk", "HANDOFF-LIVE"));
    assert_non_null(finding("00:01.0 blk", "HANDOFF-QUEUES"));
    assert_false(launcher_audit_clean(&audit));
}

static void an_acknowledged_device_is_not_clean_either(void **state)
{
    (void)state;
    found();
    reset();
    write_status(1);
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_LIVE, "HANDOFF-LIVE");
    assert_int_equal(audit.end, LAUNCHER_AUDIT_END_OF_TRACE);
}

static void a_device_that_nobody_reset_is_found(void **state)
{
    (void)state;
    found();
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_NEVER_RESET, "HANDOFF-NEVER-RESET");
}

static void a_reset_that_was_not_read_back_is_found(void **state)
{
    (void)state;
    found();
    reset();
    write_status(0);
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_UNCONFIRMED, "HANDOFF-UNCONFIRMED");
}

static void a_reset_that_never_ends_is_stuck(void **state)
{
    (void)state;
    found();
    write_status(0);
    read_status(0x0f);
    read_status(0x0f);
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_STUCK, "HANDOFF-STUCK");
}

static void bus_mastering_that_stays_on_is_found(void **state)
{
    (void)state;
    found();
    config(0x04, 0x107);
    reset();
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_FAULTY, "HANDOFF-MASTER");
}

static void msix_that_stays_on_is_found(void **state)
{
    (void)state;
    found();
    config(0x9a, 0x8001);
    reset();
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_FAULTY, "HANDOFF-MSIX");
}

/* DRV-INIT-03, DRV-PCI-22: as SeaBIOS does it. */
static void broken_rules_make_a_reset_device_faulty_and_name_their_lines(void **state)
{
    const struct launcher_violation *at;

    (void)state;
    found();
    write_status(0);
    write_status(3);
    reset();
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_FAULTY, NULL);
    at = violation("00:01.0 blk", "DRV-INIT-03");
    assert_non_null(at);
    assert_string_equal(at->level, "MUST");
    assert_non_null(strstr(at->history, "line        3  write device_status = 0x00"));
    assert_non_null(strstr(at->history, "line        4  write device_status = 0x03"));
    assert_non_null(violation("00:01.0 blk", "DRV-PCI-22"));
    assert_non_null(finding("00:01.0 blk", "NOTE-RESET"));
}

static void costly_notifications_are_noted_and_do_not_count(void **state)
{
    (void)state;
    found();
    reset();
    bring_up();
    for (int i = 0; i < 4; i++) {
        kick();
        access_line(false, 0x1000, 0, 1, "isr");
    }
    reset();
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_CLEAN, NULL);
    assert_non_null(finding("00:01.0 blk", "NOTE-KICK"));
    assert_false(finding("00:01.0 blk", "NOTE-KICK")->counts);
    assert_non_null(strstr(finding("00:01.0 blk", "NOTE-KICK")->text, "2.0 register accesses"));
}

static void a_modern_device_driven_as_legacy_is_noted(void **state)
{
    (void)state;
    found();
    config(0x10, 0xc000);
    fprintf(writing, "memory_region_ops_write cpu 0 mr 0x5 addr 0xc012 value 0x0 size 1 name "
                     "'virtio-pci'\n"
                     "memory_region_ops_read cpu 0 mr 0x5 addr 0xc012 value 0x0 size 1 name "
                     "'virtio-pci'\n");
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_CLEAN, NULL);
    assert_non_null(finding("00:01.0 blk", "NOTE-LEGACY"));
}

/* ---- From where to where ---- */

/* What SeaBIOS does, then Slate's first instruction. */
static void predecessor(void)
{
    found();
    write_status(0);
    write_status(3);
    write_status(0xf);
    config(0x04, 0x107);
    port80(0x51);
}

static void judges_from_slates_first_instruction_to_its_last(void **state)
{
    (void)state;
    predecessor();
    reset();
    config(0x04, 0x103);
    port80(0x52);
    write_status(3); /* the OS's own affair */
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_CLEAN, NULL);
    assert_true(audit.from_marker);
    assert_int_equal(audit.start_line, 7);
    assert_int_equal(audit.end, LAUNCHER_AUDIT_END_MARKER);
    assert_int_equal(audit.end_line, 11);
    assert_null(device_named("00:01.0 blk")->referee.first);
}

static void a_device_that_slate_leaves_alone_is_as_its_predecessor_left_it(void **state)
{
    (void)state;
    predecessor();
    port80(0x52);
    assert_true(run());
    assert_verdict("00:01.0 blk", LAUNCHER_VERDICT_LIVE);
    assert_non_null(finding("00:01.0 blk", "HANDOFF-MASTER"));
    assert_int_equal(device_named("00:01.0 blk")->at_end.resets, 0);
}

static void an_earlier_reset_is_none_of_slates(void **state)
{
    (void)state;
    found();
    reset();
    port80(0x51);
    port80(0x52);
    assert_true(run());
    assert_disk(LAUNCHER_VERDICT_NEVER_RESET, "HANDOFF-NEVER-RESET");
}

static void judges_from_the_start_when_told_to(void **state)
{
    (void)state;
    predecessor();
    reset();
    config(0x04, 0x103);
    port80(0x52);
    assert_true(run_with((struct launcher_audit_options){.from = LAUNCHER_AUDIT_START}));
    assert_false(audit.from_marker);
    assert_non_null(violation("00:01.0 blk", "DRV-INIT-03"));
    assert_disk(LAUNCHER_VERDICT_FAULTY, NULL);
}

static void cannot_judge_slate_where_it_does_not_run(void **state)
{
    (void)state;
    found();
    reset();
    assert_false(run_with((struct launcher_audit_options){.from = LAUNCHER_AUDIT_MARKER}));
    assert_non_null(strstr(complaints, "boot.log: port 0x80 is never written 0x51"));
}

static void the_text_of_another_os_can_be_given(void **state)
{
    (void)state;
    found();
    reset();
    uart("FreeBSD");
    write_status(1);
    assert_true(run_with((struct launcher_audit_options){.os_text = "FreeBSD"}));
    assert_disk(LAUNCHER_VERDICT_CLEAN, NULL);
}

static void what_the_os_does_is_kept_for_the_timeline_and_not_judged(void **state)
{
    const struct launcher_audit_device *disk;

    (void)state;
    found();
    reset();
    uart("Linux version");
    write_status(3);
    assert_true(run_with((struct launcher_audit_options){.keep_all = true, .go_on = true}));
    assert_disk(LAUNCHER_VERDICT_CLEAN, NULL);
    disk = device_named("00:01.0 blk");
    assert_null(disk->referee.first);
    assert_int_equal(disk->history.events[disk->history.count - 1].access.value, 3);
}

static void cannot_judge_without_a_virtio_device(void **state)
{
    (void)state;
    uart("Linux version");
    assert_false(run());
    assert_non_null(strstr(complaints, "boot.log: no virtio device in 13 lines"));
}

static void cannot_judge_an_empty_trace(void **state)
{
    (void)state;
    assert_false(run());
}

static void cannot_judge_when_lines_are_damaged(void **state)
{
    (void)state;
    found();
    reset();
    fprintf(writing, "memory_region_ops_write cpu 0 mr\n");
    assert_false(run());
    assert_non_null(strstr(complaints, "boot.log:5: cannot be understood"));
    assert_non_null(strstr(complaints, "boot.log: 1 damaged line: "));
}

/* ---- Reports ---- */

static void the_report_has_a_line_a_device_and_the_accesses_behind_each_violation(void **state)
{
    char *report;

    (void)state;
    found();
    write_status(0);
    write_status(3);
    assert_true(run());
    report = printed(launcher_audit_print);
    assert_non_null(strstr(report, "boot.log: judged from line 1"));
    assert_non_null(strstr(report, "no OS entry"));
    assert_non_null(strstr(report, "00:01.0 blk        LIVE"));
    assert_non_null(strstr(report, "0 of 1 virtio devices were handed over clean"));
    assert_non_null(strstr(report, "DRV-INIT-03 (MUST)"));
    assert_non_null(strstr(report, "line        4  write device_status = 0x03"));
    free(report);
}

static void json_escapes_whatever_a_trace_holds(void **state)
{
    char *report;

    (void)state;
    fprintf(writing, "pci_cfg_write virtio-\"\\\x01\xff-pci 00:01.0 @0x4 <- 0x0\n");
    assert_true(run());
    report = printed(launcher_audit_print_json);
    assert_non_null(strstr(report, "\"kind\": \"\\\"\\\\\\u0001\\u00ff\""));
    assert_non_null(strstr(report, "\"verdict\": \"NEVER RESET\""));
    assert_non_null(strstr(report, "\"clean\": false"));
    free(report);
}

/* ---- Recorded boots: tests/launcher/traces ---- */

static void run_recorded(const char *name, const char *os_text)
{
    const struct launcher_audit_options options = {.os_text = os_text};
    char command[128];
    FILE *file;

    snprintf(command, sizeof(command), "gzip -dc tests/launcher/traces/%s.gz", name);
    file = popen(command, "r");
    assert_non_null(file);
    assert_true(launcher_audit_run(&audit, &options, file, name));
    assert_int_equal(pclose(file), 0);
}

static void assert_seabios_disk(const char *name)
{
    static const char *const findings[] = {"HANDOFF-LIVE", "HANDOFF-QUEUES", "NOTE-RESET"};

    assert_verdict(name, LAUNCHER_VERDICT_LIVE);
    assert_int_equal(device_named(name)->at_end.status, 0x0f);
    for (unsigned i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
        assert_non_null(finding(name, findings[i]));
    /* ACKNOWLEDGE and DRIVER at once; the generation is never looked at. */
    assert_non_null(violation(name, "DRV-INIT-03"));
    assert_non_null(violation(name, "DRV-CFG-03"));
}

/* Two disks, and then devices that SeaBIOS has no driver for, from this slot on. */
static void assert_seabios(const char *trace, unsigned slot)
{
    static const char *const others[] = {"net", "rng", "balloon", "serial"};
    char name[32];

    run_recorded(trace, "sector: entered");
    assert_int_equal(audit.end, LAUNCHER_AUDIT_END_OS_TEXT);
    assert_int_equal(audit.count, 6);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "00:%02x.0 blk", slot + i);
        assert_seabios_disk(name);
        assert_non_null(finding(name, "HANDOFF-MASTER"));
        assert_non_null(violation(name, "DRV-PCI-22")); /* the reset is not read back */
        assert_int_equal(finding(name, "NOTE-KICK") != NULL, i == 0);
        assert_int_equal(device_named(name)->at_end.notifications, i == 0 ? 17 : 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "00:%02x.0 %s", slot + 2 + i, others[i]);
        assert_verdict(name, LAUNCHER_VERDICT_NEVER_RESET);
    }
}

static void seabios_hands_its_disks_over_live(void **state)
{
    (void)state;
    assert_seabios("seabios", 1);
}

static void so_it_does_on_the_older_machine(void **state)
{
    (void)state;
    assert_seabios("seabios-pc", 2);
}

static void and_on_mmio(void **state)
{
    (void)state;
    run_recorded("seabios-mmio", "sector: entered");
    assert_int_equal(audit.count, 2);
    assert_seabios_disk("blk at 0xfeb02e00");
    assert_verdict("rng at 0xfeb02c00", LAUNCHER_VERDICT_NEVER_RESET);
    assert_false(launcher_audit_clean(&audit));
}

static void ovmf_does_not_read_resets_back_and_leaves_other_devices_alone(void **state)
{
    static const char *const bound[] = {"00:01.0 blk", "00:04.0 rng"};
    static const char *const others[] = {"00:03.0 net", "00:05.0 balloon", "00:06.0 serial"};

    (void)state;
    run_recorded("ovmf", NULL);
    assert_int_equal(audit.end, LAUNCHER_AUDIT_END_OS_TEXT);
    for (unsigned i = 0; i < 2; i++) {
        assert_verdict(bound[i], LAUNCHER_VERDICT_UNCONFIRMED);
        assert_non_null(finding(bound[i], "HANDOFF-MASTER"));
        assert_non_null(finding(bound[i], "NOTE-RESET"));
        assert_non_null(violation(bound[i], "DRV-RESET-01"));
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_verdict(others[i], LAUNCHER_VERDICT_NEVER_RESET);
        assert_non_null(finding(others[i], "HANDOFF-MASTER"));
    }
    assert_non_null(violation("00:01.0 blk", "DRV-PCI-22"));
    assert_non_null(violation("00:01.0 blk", "DRV-CFG-03"));
    assert_non_null(strstr(finding("00:01.0 blk", "NOTE-KICK")->text, "5.0 register accesses"));
    assert_non_null(finding("00:04.0 rng", "NOTE-LEGACY"));
}

static void slate_hands_every_device_over_clean(void **state)
{
    (void)state;
    run_recorded("slate", NULL);
    assert_true(audit.from_marker);
    assert_int_equal(audit.end, LAUNCHER_AUDIT_END_MARKER);
    assert_int_equal(audit.count, 6);
    assert_true(launcher_audit_clean(&audit));
    for (unsigned i = 0; i < audit.count; i++) {
        assert_null(audit.devices[i]->referee.first); /* not even a SHOULD */
        assert_int_equal(audit.devices[i]->finding_count, 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_that_is_reset_used_and_reset_again_is_clean),
        TEST(a_live_device_is_found),
        TEST(an_acknowledged_device_is_not_clean_either),
        TEST(a_device_that_nobody_reset_is_found),
        TEST(a_reset_that_was_not_read_back_is_found),
        TEST(a_reset_that_never_ends_is_stuck),
        TEST(bus_mastering_that_stays_on_is_found),
        TEST(msix_that_stays_on_is_found),
        TEST(broken_rules_make_a_reset_device_faulty_and_name_their_lines),
        TEST(costly_notifications_are_noted_and_do_not_count),
        TEST(a_modern_device_driven_as_legacy_is_noted),
        TEST(judges_from_slates_first_instruction_to_its_last),
        TEST(a_device_that_slate_leaves_alone_is_as_its_predecessor_left_it),
        TEST(an_earlier_reset_is_none_of_slates),
        TEST(judges_from_the_start_when_told_to),
        TEST(cannot_judge_slate_where_it_does_not_run),
        TEST(the_text_of_another_os_can_be_given),
        TEST(what_the_os_does_is_kept_for_the_timeline_and_not_judged),
        TEST(cannot_judge_without_a_virtio_device),
        TEST(cannot_judge_an_empty_trace),
        TEST(cannot_judge_when_lines_are_damaged),
        TEST(the_report_has_a_line_a_device_and_the_accesses_behind_each_violation),
        TEST(json_escapes_whatever_a_trace_holds),
        TEST(seabios_hands_its_disks_over_live),
        TEST(so_it_does_on_the_older_machine),
        TEST(and_on_mmio),
        TEST(ovmf_does_not_read_resets_back_and_leaves_other_devices_alone),
        TEST(slate_hands_every_device_over_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
