/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32 against its check value and against the definition, one bit at a time. */
#include "boot/crc32.h"
#include "tests/unit/support/image_fat.h"
#include "tests/unit/support/image_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void the_check_value_is_right(void **state)
{
    (void)state;
    assert_int_equal(crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32(0, "", 0), 0);
}

static void any_data_agrees_with_the_definition(void **state)
{
    static uint8_t data[20000];

    (void)state;
    for (unsigned seed = 0; seed < 8; seed++) {
        image_fill(data, seed, 0, sizeof(data));
        /*
         * Runs of zeros of every kind: none, short, long, at the start, in the middle, at the end.
         */
        for (unsigned i = 0; i < seed; i++)
            memset(data + i * 2900u, 0, 40u << i < 2900 ? 40u << i : 2900);
        for (size_t length = 0; length < sizeof(data); length = length * 3 / 2 + 1) {
            assert_int_equal(crc32(0, data, length), image_crc32(data, length));
            assert_int_equal(crc32(0, data + 3, length), image_crc32(data + 3, length));
        }
    }
    memset(data, 0, sizeof(data));
    for (size_t length = 0; length < sizeof(data); length += 97)
        assert_int_equal(crc32(0, data, length), image_crc32(data, length));
}

static void it_can_be_continued(void **state)
{
    static uint8_t data[3000];

    (void)state;
    image_fill(data, 1, 0, 1000);
    for (size_t split = 0; split <= sizeof(data); split += 250)
        assert_int_equal(crc32(crc32(0, data, split), data + split, sizeof(data) - split),
                         image_crc32(data, sizeof(data)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value_is_right),
        cmocka_unit_test(any_data_agrees_with_the_definition),
        cmocka_unit_test(it_can_be_continued),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
