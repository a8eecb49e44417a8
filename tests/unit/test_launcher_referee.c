/* SPDX-License-Identifier: BSD-2-Clause */
/* The referee itself: what it counts, what it keeps and what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "launcher/device.h"
#include "tests/unit/support/raw_driver.h"
#include "tests/unit/support/register_script.h"

/* ---- Rules ---- */

static void rules_are_found_by_their_ids(void **state)
{
    (void)state;
    for (unsigned i = 0; i < launcher_rule_count; i++) {
        assert_ptr_equal(launcher_find_rule(launcher_rules[i].id), &launcher_rules[i]);
        assert_true(launcher_rules[i].text[0] != '\0' && launcher_rules[i].component[0] != '\0');
    }
    assert_null(launcher_find_rule("DRV-INIT-NONE"));
    assert_null(launcher_find_rule(""));
}

/* ---- Verdicts ---- */

static unsigned number_of(const char *id)
{
    const struct launcher_rule *rule = launcher_find_rule(id);

    assert_non_null(rule);
    return (unsigned)(rule - launcher_rules);
}

static void what_is_right_is_counted_and_not_kept(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    begin(&s);
    assert_int_equal(s.referee.evaluated[number_of("DRV-INIT-03")], 1);
    assert_int_equal(s.referee.violated[number_of("DRV-INIT-03")], 0);
    assert_int_equal(s.referee.violations, 0);
    expect_clean(&s);
}

/* Only MUST and MUST NOT count; what was seen of others is in the list as well. */
static void a_should_is_kept_and_does_not_count(void **state)
{
    struct script s;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    s.offered |= BIT(VIRTIO_BLK_F_RO);
    start(&s, 0);
    assert_int_equal(s.referee.violations, 0);
    assert_non_null(s.referee.first);
    assert_string_equal(s.referee.first->id, "DRV-BLK-16");
    assert_string_equal(s.referee.first->level, "SHOULD");
    script_end(&s);
}

static void violations_are_kept_in_their_order_with_what_led_there(void **state)
{
    struct script s;
    const struct launcher_violation *at;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    begin(&s);
    put(&s, STATUS, 1);    /* drops DRIVER */
    put(&s, STATUS, 0x21); /* and then an undefined bit */
    assert_int_equal(s.referee.violations, 2);
    at = s.referee.first;
    assert_string_equal(at->id, "DRV-STATUS-02");
    assert_string_equal(at->level, "MUST NOT");
    assert_non_null(strstr(at->text, "from 0x03 to 0x01"));
    assert_non_null(strstr(at->history, "read  device_status = 0x00\n"));
    assert_non_null(strstr(at->history, "write device_status = 0x03\n"));
    assert_string_equal(at->next->id, "IMP-CORE-01");
    assert_non_null(strstr(at->next->history, "violation of DRV-STATUS-02\n"));
    assert_null(at->next->next);
    script_end(&s);
}

/* A driver that does the same wrong thing a million times does not fill the memory with texts. */
static void repeated_violations_are_counted_and_not_kept(void **state)
{
    struct script s;
    char *text;
    size_t length;
    FILE *file;

    (void)state;
    script_begin(&s, LAUNCHER_PCI, VIRTIO_ID_BLOCK);
    for (int i = 0; i < 1000; i++)
        put(&s, NUM_QUEUES, 1);
    put(&s, STATUS, 1);
    assert_int_equal(s.referee.violations, 1001);
    assert_int_equal(s.referee.kept, 4); /* three and the other one */
    assert_string_equal(s.referee.last->id, "DRV-INIT-01");

    file = open_memstream(&text, &length);
    assert_non_null(file);
    launcher_referee_report(&s.referee, file);
    fclose(file);
    assert_non_null(strstr(text, "DRV-PCI-18"));
    assert_non_null(strstr(text, "997 more"));
    assert_non_null(strstr(text, "1000 times"));
    free(text);
    script_end(&s);
}

static void a_report_says_what_was_seen_and_what_is_demanded(void **state)
{
    struct launcher_options options = {.type = VIRTIO_ID_BLOCK, .sectors = 8, .name = "vda"};
    struct raw_driver *raw = raw_driver_new(&options);
    char *text;
    size_t length;
    FILE *file = open_memstream(&text, &length);

    (void)state;
    assert_non_null(file);
    raw_set(raw, RAW_COMMON(device_status), 1);
    assert_int_equal(launcher_violations(raw->dev), 1);
    launcher_report(raw->dev, file);
    fclose(file);
    assert_non_null(strstr(text, "vda: DRV-INIT-01 (MUST): status becomes 0x01"));
    assert_non_null(strstr(text, "The driver begins initialization with a device reset."));
    assert_non_null(strstr(text, "write device_status = 0x01"));
    free(text);
    raw_expect(raw, "DRV-INIT-01");
    assert_int_equal(launcher_violations(raw->dev), 0);
    assert_null(launcher_first_violation(raw->dev));
    raw_driver_free(raw);
}

/* The judge of a live device sees what a script shows it: nothing more is asked of a right driver. */
static void a_right_driver_of_a_live_device_is_not_accused(void **state)
{
    struct launcher_options options = {.type = VIRTIO_ID_BLOCK, .sectors = 8};
    struct raw_driver *raw = raw_driver_new(&options);

    (void)state;
    for (int life = 0; life < 3; life++) {
        assert_true(raw_start(raw, 0));
        raw_queue(raw, 0, 8);
        raw_live(raw);
        assert_true(raw_reset(raw));
    }
    assert_int_equal(launcher_violations(raw->dev), 0);
    raw_driver_free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_found_by_their_ids),
        cmocka_unit_test(what_is_right_is_counted_and_not_kept),
        cmocka_unit_test(a_should_is_kept_and_does_not_count),
        cmocka_unit_test(violations_are_kept_in_their_order_with_what_led_there),
        cmocka_unit_test(repeated_violations_are_counted_and_not_kept),
        cmocka_unit_test(a_report_says_what_was_seen_and_what_is_demanded),
        cmocka_unit_test(a_right_driver_of_a_live_device_is_not_accused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
