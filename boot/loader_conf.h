/* SPDX-License-Identifier: BSD-2-Clause */
/* The boot loader's own settings on a volume: /loader/loader.conf, as its manual page loader.conf(5) describes it. */
#ifndef SLATE_BOOT_LOADER_CONF_H
#define SLATE_BOOT_LOADER_CONF_H

#include <stddef.h>

#include "boot/menu.h"

#define LOADER_CONF_FILE_MAX    65536u /* bytes */
#define LOADER_CONF_PATTERN_MAX 256u   /* bytes, terminator included */

struct loader_conf {
    char preferred
        [LOADER_CONF_PATTERN_MAX]; /* `default`: a pattern for boot_entries_find(), or "" */
    struct menu_timeout timeout;   /* `timeout`; MENU_HIDDEN if not given */
};

/*
 * Reads the `size` bytes at `text`, the content of the file `name`. Keys about other things (editor, console-mode,
 * ...) are left alone. A value that cannot be understood costs a note and is as if it were not there: a boot must not
 * end because of how the menu is to look. `conf` is always filled.
 */
void loader_conf_parse(struct loader_conf *conf, const char *name, const char *text, size_t size);

#endif
