/* SPDX-License-Identifier: BSD-2-Clause */
/* Notes in fuzz targets: written, so that their arguments are looked at, and dropped. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "boot/diag.h"

void diag_note(const char *fmt, ...)
{
    char text[DIAG_TEXT_MAX];
    va_list arguments;

    va_start(arguments, fmt);
    if (vsnprintf(text, sizeof(text), fmt, arguments) < 0) {
        abort();
    }
    va_end(arguments);
}
