/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of a descriptor page (launcher/page.h): a transport for Slate's core, so that its life cycle and its
 * drivers can be seen at work on the bus that the reset function was made for. It lives beside the launcher because no
 * machine of today has that bus.
 */
#ifndef LAUNCHER_GUEST_LGUEST_H
#define LAUNCHER_GUEST_LGUEST_H

#include "virtio/virtio.h"

/*
 * Makes `dev` the device whose descriptor is at offset *at of the page at guest address `page`, and moves *at behind it; start
 * with 0 and go on until there is none. Reads only. `io` shows the page as region 0 and the notify as region 1, as a
 * launcher device does; fields of the page lie at any alignment. The rest is as for virtio_pci_init().
 * Errors: NO_DEVICE (no more descriptors), UNREACHABLE (the descriptor leaves the page, or a region is missing).
 */
int lguest_init(struct virtio_device *dev, const char *name, const struct virtio_io *io,
                void *io_ctx, const struct virtio_env *env, uint64_t page, unsigned *at);

#endif
