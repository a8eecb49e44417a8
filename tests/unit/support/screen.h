/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform's console and clock for host tests: what was shown is kept, and time passes as it is looked at. */
#ifndef SLATE_TESTS_SCREEN_H
#define SLATE_TESTS_SCREEN_H

#include <stddef.h>

/* Forgets what was shown, and what is typed. */
void screen_clear(void);

/* Everything that platform_write() was given since, as far as it fits. */
const char *screen_text(void);

/* What platform_read() returns, byte by byte; must stay in place. */
void screen_type(const char *text);

#endif
