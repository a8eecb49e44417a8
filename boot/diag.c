/* SPDX-License-Identifier: BSD-2-Clause */
/* Diagnoses: one printable line, the larger thing in front. */
#include "boot/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names come from disks: nothing of them may move a terminal's cursor. UTF-8 passes. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void diag_set(struct diag *d, int error, const char *fmt, ...)
{
    va_list arguments;

    d->error = error;
    va_start(arguments, fmt);
    (void)vsnprintf(d->text, sizeof(d->text), fmt, arguments);
    va_end(arguments);
    make_printable(d->text);
}

int diag_prefix(struct diag *d, const char *fmt, ...)
{
    char old[sizeof(d->text)];
    va_list arguments;
    size_t used;

    memcpy(old, d->text, sizeof(old));
    va_start(arguments, fmt);
    (void)vsnprintf(d->text, sizeof(d->text), fmt, arguments);
    va_end(arguments);
    used = strlen(d->text);
    (void)snprintf(d->text + used, sizeof(d->text) - used, ": %s", old);
    make_printable(d->text);
    return d->error;
}
