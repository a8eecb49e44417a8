/* SPDX-License-Identifier: BSD-2-Clause */
/* The menu's keyboard: whatever arrives on the console, the choice is an entry that there is. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/menu.h"
#include "tests/fuzz/support/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes come at once, but after 0xff a while passes; after the last one there is no keyboard. */
struct keyboard {
    const uint8_t *at;
    const uint8_t *end;
    uint64_t now;
    uint64_t written;
};

static int get(void *ctx, uint64_t timeout_ns)
{
    struct keyboard *keyboard = ctx;

    if (keyboard->at == keyboard->end) {
        return MENU_KEY_GONE;
    }
    if (*keyboard->at == 0xff) {
        keyboard->at++;
        keyboard->now += timeout_ns;
        return MENU_KEY_NONE;
    }
    return *keyboard->at++;
}

static void put(void *ctx, const char *text)
{
    struct keyboard *keyboard = ctx;

    keyboard->written += strlen(text);
}

static uint64_t now_ns(void *ctx)
{
    const struct keyboard *keyboard = ctx;

    return keyboard->now;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct boot_entries list = {0};
    struct keyboard keyboard = {.now = UINT64_MAX / 2};
    const struct menu_io io = {get, put, now_ns, &keyboard};
    struct menu_timeout timeout;
    unsigned count;

    if (size < 3) {
        return -1;
    }
    count = 1 + data[0] % 40;
    timeout.mode = (enum menu_mode)(data[1] % 4);
    timeout.seconds = timeout.mode == MENU_TIMED ? 1 + data[2] : 0;
    keyboard.at = data + 3;
    keyboard.end = data + size;
    for (unsigned i = 0; i < count; i++) {
        struct boot_entry entry;
        struct diag diag = {0};

        CHECK(boot_entry_make(&entry, "a.conf", "/k", "System", "1", "", &diag) == 0);
        CHECK(boot_entries_add(&list, &entry, &diag) == 0);
    }
    CHECK(menu_choose(&io, &list, data[2] % count, &timeout) < count);
    CHECK(keyboard.written <= 4096 + 2048 * size); /* a page a key, at most */
    boot_entries_free(&list);
    return 0;
}
