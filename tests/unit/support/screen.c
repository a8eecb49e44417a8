/* SPDX-License-Identifier: BSD-2-Clause */
/* The console and the clock of a machine that is a test. */
#include "tests/unit/support/screen.h"

#include <string.h>

#include "boot/platform.h"

static char shown[65536];
static size_t length;
static const char *typed = "";
static uint64_t now;

void screen_clear(void)
{
    shown[0] = '\0';
    length = 0;
    typed = "";
}

const char *screen_text(void)
{
    return shown;
}

void screen_type(const char *text)
{
    typed = text;
}

bool platform_has_uart(void)
{
    return true;
}

void platform_write(const char *text, size_t size)
{
    size_t room = sizeof(shown) - 1 - length;

    if (size > room)
        size = room;
    memcpy(shown + length, text, size);
    length += size;
    shown[length] = '\0';
}

int platform_read(void)
{
    return *typed != '\0' ? (unsigned char)*typed++ : -1;
}

uint64_t platform_now_ns(void)
{
    now += 1000;
    return now;
}

void platform_relax(void)
{
    now += 1000000;
}
