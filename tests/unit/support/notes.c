/* SPDX-License-Identifier: BSD-2-Clause */
/* The place where notes go in host tests. */
#include "tests/unit/support/notes.h"

#include "boot/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char text[4096];
static unsigned count;

void notes_clear(void)
{
    count = 0;
    text[0] = '\0';
}

unsigned notes_count(void)
{
    return count;
}

const char *notes_text(void)
{
    return text;
}

void diag_note(const char *fmt, ...)
{
    size_t used = strlen(text);
    va_list arguments;

    count++;
    va_start(arguments, fmt);
    (void)vsnprintf(text + used, sizeof(text) - used, fmt, arguments);
    va_end(arguments);
    used = strlen(text);
    (void)snprintf(text + used, sizeof(text) - used, "\n");
}
