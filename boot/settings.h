/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the user asks for: files opt/slate/<key> (QEMU's -fw_cfg), then words slate.<key>=<value> of the command line
 * (-append), which win. One table in settings.c says which keys there are.
 */
#ifndef SLATE_BOOT_SETTINGS_H
#define SLATE_BOOT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/menu.h"
#include "virtio/virtio.h"

struct diag;

#define SETTINGS_INITRDS_MAX 16u
#define SETTINGS_VALUE_MAX   4095u  /* bytes of one value */
#define SETTINGS_TEXT_MAX    16384u /* bytes of all values together */

enum settings_origin {
    SETTINGS_FROM_FILE,
    SETTINGS_FROM_COMMAND_LINE,
};

enum settings_disk_by {
    SETTINGS_DISK_ANY, /* not set */
    SETTINGS_DISK_ADDRESS,
    SETTINGS_DISK_INDEX,
};

struct settings_disk {
    enum settings_disk_by by;
    uint16_t segment;
    uint8_t bus, device, function;
    unsigned index; /* among the disks in order of discovery, from 0 */
};

/* All text is in `text`, so the struct must stay in place. Strings are "" when not set. */
struct settings {
    const char *entry; /* a pattern: boot_entries_find() */
    bool timeout_set;
    struct menu_timeout timeout;
    struct settings_disk disk;
    const char *linux_path;
    const char *initrd[SETTINGS_INITRDS_MAX];
    unsigned initrds;
    const char *options;
    const char *append;
    bool strict;                           /* handoff=strict */
    enum virtio_level log;                 /* the console shows up to this */
    uint32_t reset_ms, blk_ms, console_ms; /* deadlines; 0: not set */

    /* Private. */
    enum settings_origin initrd_origin;
    size_t text_used;
    char text[SETTINGS_TEXT_MAX];
};

/* Nothing set; log level info. */
void settings_default(struct settings *settings);

/*
 * Sets one key to `length` bytes of text; blanks and newlines around it do not count. An unknown key is a diag_note().
 * Errors: -BOOT_E_CONFIG (a value that cannot be understood, or too much text).
 */
int settings_set(struct settings *settings, enum settings_origin origin, const char *key,
                 const char *value, size_t length, struct diag *diag);

/*
 * Reads the words slate.<key>=<value> of a command line. Double quotes keep blanks in a word, and a backslash takes the
 * meaning from the character that follows. Other words are noted and left alone. Errors as settings_set().
 */
int settings_command_line(struct settings *settings, const char *line, struct diag *diag);

/* Reads the files opt/slate/<key> of the platform. Errors as settings_set(). */
int settings_files(struct settings *settings, struct diag *diag);

#endif
