/* SPDX-License-Identifier: BSD-2-Clause */
/* The console: one text, every place where a person may look. */
#include "boot/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "boot/platform.h"
#include "drivers/console.h"

enum {
    CONSOLES_MAX = 8,
    EARLY_MAX =
        4096, /* bytes kept for consoles that appear later: the banner and the device lines */
};

static struct {
    enum virtio_level level;
    struct virtio_console *console[CONSOLES_MAX];
    unsigned count;
    char early[EARLY_MAX];
    size_t early_length;
    bool busy; /* a virtio console is at work: what it has to say about itself goes to the UART */
} state = {.level = VIRTIO_LOG_INFO};

void console_set_level(enum virtio_level level)
{
    state.level = level;
}

/* A terminal wants a carriage return; one that fails is silent from then on, and the boot goes on. */
static void write_virtio(struct virtio_console *console, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r') &&
            virtio_console_write(console, "\r", 1) != 0)
            return;
        if (virtio_console_write(console, &text[i], 1) != 0)
            return;
    }
}

void console_add(struct virtio_console *console)
{
    if (state.count == CONSOLES_MAX)
        return;
    state.console[state.count++] = console;
    state.busy = true;
    write_virtio(console, state.early, state.early_length);
    state.busy = false;
}

void console_detach(void)
{
    state.count = 0;
}

static void remember(const char *text, size_t length)
{
    size_t room = sizeof(state.early) - state.early_length;

    if (length > room)
        length = room;
    memcpy(state.early + state.early_length, text, length);
    state.early_length += length;
}

void console_write(const char *text, size_t length)
{
    platform_write(text, length);
    remember(text, length);
    if (state.busy)
        return;
    state.busy = true;
    for (unsigned i = 0; i < state.count; i++)
        write_virtio(state.console[i], text, length);
    state.busy = false;
}

void console_flush(void)
{
    state.busy = true;
    for (unsigned i = 0; i < state.count; i++)
        (void)virtio_console_flush(state.console[i]); /* its failure is in the log */
    state.busy = false;
}

void console_line(enum virtio_level level, const char *format, ...)
{
    char line[400];
    size_t length;
    va_list arguments;

    if (level > state.level)
        return;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    length = strlen(line);
    line[length++] = '\n';
    console_write(line, length);
}

/* ---- For the menu ---- */

static void menu_put(void *ctx, const char *text)
{
    (void)ctx;
    console_write(text, strlen(text));
    console_flush();
}

static int read_any(void)
{
    int c = platform_read();

    state.busy = true;
    for (unsigned i = 0; c < 0 && i < state.count; i++) {
        uint8_t byte;
        size_t length = 0;

        if (virtio_console_read(state.console[i], &byte, 1, &length) == 0 && length == 1)
            c = byte;
    }
    state.busy = false;
    return c;
}

static bool anyone_can_type(void)
{
    for (unsigned i = 0; i < state.count; i++)
        if (state.console[i]->dev->state == VIRTIO_LIVE)
            return true;
    return platform_has_uart();
}

static int menu_get(void *ctx, uint64_t timeout_ns)
{
    uint64_t start = platform_now_ns();

    (void)ctx;
    for (;;) {
        int c = read_any();

        if (c >= 0)
            return c;
        if (!anyone_can_type())
            return MENU_KEY_GONE;
        if (platform_now_ns() - start >= timeout_ns)
            return MENU_KEY_NONE;
        platform_relax();
    }
}

static uint64_t menu_now(void *ctx)
{
    (void)ctx;
    return platform_now_ns();
}

const struct menu_io console_menu_io = {
    .get = menu_get,
    .put = menu_put,
    .now_ns = menu_now,
};
