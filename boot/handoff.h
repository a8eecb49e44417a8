/* SPDX-License-Identifier: BSD-2-Clause */
/* How the machine is given away: the one way to an OS, and the one way out of a boot that failed. */
#ifndef SLATE_BOOT_HANDOFF_H
#define SLATE_BOOT_HANDOFF_H

#include <stdbool.h>

struct devices;
struct diag;
struct image;

/*
 * Removes the drivers, resets every virtio device and confirms it, takes bus mastering away, and reports a line a
 * device on the UART. From its call on no device and no ring is touched, whatever it returns.
 * STUCK devices are quarantined. Errors: -BOOT_E_STUCK (one is STUCK and `strict` says that this ends the boot, or one
 * may own memory of the loaded image), -BOOT_E_PLATFORM.
 */
int handoff_devices(struct devices *devices, const struct image *image, bool strict,
                    struct diag *diag);

/* Writes the last of the boot data and jumps. Returns only with an error, of image_finish(). */
int handoff_enter(const struct devices *devices, const struct image *image, struct diag *diag);

#endif
