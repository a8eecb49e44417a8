/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's own text: names of errors, types and states, bounded formatting, and log lines that name the device. */
#include "tests/unit/support/device.h"
#include "virtio/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_error_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(virtio_error_name(0), "NONE");
    assert_string_equal(virtio_error_text(0), "no error");
#define X(name, text)                                                                              \
    assert_string_equal(virtio_error_name(-VIRTIO_E_##name), #name);                               \
    assert_string_equal(virtio_error_text(-VIRTIO_E_##name), text);
    VIRTIO_ERRORS(X)
#undef X
}

static void unknown_error_has_a_name_too(void **state)
{
    static const int unknown[] = {1, -VIRTIO_E_STATE - 1, -1000, INT32_MAX, INT32_MIN};

    (void)state;
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_string_equal(virtio_error_name(unknown[i]), "UNKNOWN");
        assert_string_equal(virtio_error_text(unknown[i]), "unknown error");
    }
}

static void device_types_have_names(void **state)
{
    static const struct {
        uint32_t id;
        const char *name;
    } cases[] = {
        {VIRTIO_ID_NET, "net"},
        {VIRTIO_ID_BLOCK, "blk"},
        {VIRTIO_ID_CONSOLE, "console"},
        {VIRTIO_ID_ENTROPY, "rng"},
        {VIRTIO_ID_SCSI, "scsi"},
        {VIRTIO_ID_BALLOON, "balloon"},
        {VIRTIO_ID_RPMSG, "rpmsg"},
        {VIRTIO_ID_9P, "9p"},
        {VIRTIO_ID_GPU, "gpu"},
        {VIRTIO_ID_INPUT, "input"},
        {VIRTIO_ID_SOCKET, "vsock"},
        {VIRTIO_ID_CRYPTO, "crypto"},
        {VIRTIO_ID_IOMMU, "iommu"},
        {VIRTIO_ID_MEM, "mem"},
        {VIRTIO_ID_SOUND, "sound"},
        {VIRTIO_ID_FS, "fs"},
        {VIRTIO_ID_PMEM, "pmem"},
        {0, "unknown"},
        {99, "unknown"},
        {UINT32_MAX, "unknown"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(virtio_type_name(cases[i].id), cases[i].name);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(virtio_state_name(VIRTIO_FOUND), "FOUND");
    assert_string_equal(virtio_state_name(VIRTIO_CLEAN), "CLEAN");
    assert_string_equal(virtio_state_name(VIRTIO_SETUP), "SETUP");
    assert_string_equal(virtio_state_name(VIRTIO_LIVE), "LIVE");
    assert_string_equal(virtio_state_name(VIRTIO_STUCK), "STUCK");
    assert_string_equal(virtio_state_name((enum virtio_state)77), "?");
}

/* It has to say the same as the C library's, for what both know. */
static void formatting_equals_the_c_librarys(void **state)
{
    char ours[80], theirs[80];

    (void)state;
#define SAME(...)                                                                                  \
    do {                                                                                           \
        virtio_format(ours, sizeof(ours), __VA_ARGS__);                                            \
        (void)snprintf(theirs, sizeof(theirs), __VA_ARGS__);                                       \
        assert_string_equal(ours, theirs);                                                         \
    } while (0)
    SAME("plain");
    SAME("%%");
    SAME("%s and %s", "one", "");
    SAME("%c%c", 'o', 'k');
    SAME("%u %u", 0u, UINT32_MAX);
    SAME("%x %x", 0u, 0xdeadbeefu);
    SAME("%llu %llx", UINT64_MAX + 0ull, UINT64_MAX + 0ull);
    SAME("%02x:%02x.%04x", 3u, 0x1fu, 0x12345u);
    SAME("%5u|%05u|%1u", 42u, 42u, 42u);
    SAME("%20llu|", 7ull);
#undef SAME
}

/* Every length of buffer: the text is cut, terminated, and nothing is written behind it. */
static void formatted_text_is_cut_to_its_buffer(void **state)
{
    static const char full[] = "abc 123 0x00ff xyz";

    (void)state;
    for (size_t size = 1; size <= sizeof(full) + 2; size++) {
        char *text = malloc(size); /* the address sanitizer watches its end */
        size_t shown = size - 1 < strlen(full) ? size - 1 : strlen(full);

        assert_non_null(text);
        virtio_format(text, size, "%s %u 0x%04x %s", "abc", 123u, 0xffu, "xyz");
        assert_int_equal(strlen(text), shown);
        assert_memory_equal(text, full, shown);
        free(text);
    }
}

/* A conversion that is not there is a bug of the caller: it shows, and ends the text. */
static void unknown_conversion_shows(void **state)
{
    static const char *const formats[] = {"a%db", "a%", "a%0", "a%ll", "a%-5u", "a%5"};
    char text[16];

    (void)state;
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const char *volatile format = formats[i]; /* hidden from the compiler's own check */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        virtio_format(text, sizeof(text), format, 0);
#pragma GCC diagnostic pop
        assert_string_equal(text, "a?");
    }
}

static void log_line_names_the_device_and_is_bounded(void **state)
{
    char longest[400];
    struct device *d = device_new(VIRTIO_ID_BLOCK);

    (void)state;
    assert_int_equal(virtio_pci_init(&d->dev, "0000:00:03.0", &d->io, d, &d->env), 0);
    virtio_log(&d->dev, VIRTIO_LOG_WARN, "%u things", 3u);
    assert_string_equal(d->events[d->event_count - 1].text, "0000:00:03.0 blk: 3 things");
    assert_int_equal(d->events[d->event_count - 1].level, VIRTIO_LOG_WARN);
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    virtio_log(&d->dev, VIRTIO_LOG_ERROR, "%s", longest);
    assert_int_equal(strlen(d->events[d->event_count - 1].text), 199);
    d->dev.name = longest;
    virtio_log(&d->dev, VIRTIO_LOG_ERROR, "%s", longest);
    assert_int_equal(strlen(d->events[d->event_count - 1].text), 199);
    d->env.log = NULL;
    virtio_log(&d->dev, VIRTIO_LOG_ERROR, "to nobody");
    device_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_and_a_sentence),
        cmocka_unit_test(unknown_error_has_a_name_too),
        cmocka_unit_test(device_types_have_names),
        cmocka_unit_test(states_have_names),
        cmocka_unit_test(formatting_equals_the_c_librarys),
        cmocka_unit_test(formatted_text_is_cut_to_its_buffer),
        cmocka_unit_test(unknown_conversion_shows),
        cmocka_unit_test(log_line_names_the_device_and_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
