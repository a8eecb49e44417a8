/* SPDX-License-Identifier: BSD-2-Clause */
/* The one line that says why something failed: written where it is seen, read by the person at the console. */
#ifndef SLATE_BOOT_DIAG_H
#define SLATE_BOOT_DIAG_H

#define DIAG_TEXT_MAX 256 /* bytes */

/*
 * A diagnosis. The caller owns it and starts it as {0}; whoever fails first fills it, and callers further up put
 * the larger thing in front ("disk 00:03.0: partition 1: ...").
 */
struct diag {
    int error;                /* 0, or a negated code of enum boot_error or enum virtio_error */
    char text[DIAG_TEXT_MAX]; /* one line without a newline; control characters replaced */
};

/*
 * Records the reason and gives `error` (negative): `return diag_fail(diag, -BOOT_E_FAT, "...")`. Say what was found, what
 * was expected, and what to do. Text that comes from a disk is made printable. A later call replaces an earlier one.
 * A macro, so that compilers and analyzers see that the result is `error`, and not 0.
 */
#define diag_fail(d, error, ...) (diag_set((d), (error), __VA_ARGS__), (error))

/* The function behind it. */
void diag_set(struct diag *d, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " in front of what is there; too long a line loses its end. Returns d->error. */
int diag_prefix(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A note to the person at the console that does not stop the boot ("primary GPT damaged, using the backup").
 * Where it goes is decided once, in boot/main.c; in host tests it is collected by the test.
 */
void diag_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
