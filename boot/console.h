/* SPDX-License-Identifier: BSD-2-Clause */
/* Slate's console: the UART and every virtio console say the same, and any of them is typed on. */
#ifndef SLATE_BOOT_CONSOLE_H
#define SLATE_BOOT_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "boot/menu.h"
#include "virtio/virtio.h"

struct virtio_console;

/* What is shown: everything up to this level; VIRTIO_LOG_INFO from the start. */
void console_set_level(enum virtio_level level);

/* From here on `console`, claimed and live, shows and reads too; what was said so far is repeated on it. */
void console_add(struct virtio_console *console);

/* Before devices are removed: from here on only the UART shows anything. */
void console_detach(void);

/* One line, without its newline, if the level says so. */
void console_line(enum virtio_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Text as it is; lines end in "\n" or "\r\n". */
void console_write(const char *text, size_t length);

/* Sends what virtio consoles have gathered of a line that is not whole. */
void console_flush(void);

/* The terminal of the boot menu. */
extern const struct menu_io console_menu_io;

#endif
