/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes go to the console; host tests bring a diag_note() of their own that collects them. */
#include <stdarg.h>
#include <stdio.h>

#include "boot/console.h"
#include "boot/diag.h"

void diag_note(const char *fmt, ...)
{
    char text[320]; /* a whole diagnosis and some words about it */
    va_list arguments;

    va_start(arguments, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, arguments);
    va_end(arguments);
    console_line(VIRTIO_LOG_WARN, "slate: note: %s", text);
}
