/* SPDX-License-Identifier: BSD-2-Clause */
/* A traditional memory balloon as its owner holds it (VIRTIO 1.4, 5.5): what it wants, and which pages it has. */
#ifndef LAUNCHER_BALLOON_H
#define LAUNCHER_BALLOON_H

#include "launcher/launcher.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Pages are of 4096 bytes; `page` is an address divided by that. */

/* Asks for so many pages (num_pages). */
void launcher_balloon_want(struct launcher_device *dev, uint32_t pages);
/* Pages that the host owns: inflated and acknowledged, and not deflated since. A reset gives all of them back. */
bool launcher_balloon_holds(const struct launcher_device *dev, uint32_t page);
uint32_t launcher_balloon_held(const struct launcher_device *dev);
/* What the driver says that it gave. */
uint32_t launcher_balloon_actual(const struct launcher_device *dev);

/* While it waits, nothing that is inflated or reported is acknowledged. */
void launcher_balloon_wait(struct launcher_device *dev, bool wait);
/* Pages lose their contents when the host takes them, by inflating or reporting, as they may. */
void launcher_balloon_spoil(struct launcher_device *dev, bool spoil);
/* Queues are numbered as Linux does it: only those exist, without gaps, whose features were accepted. Before DRIVER_OK. */
void launcher_balloon_number_without_gaps(struct launcher_device *dev, bool without);

/* Asks for new statistics. false: there is no buffer to ask with (which is the driver's to supply). */
bool launcher_balloon_ask_statistics(struct launcher_device *dev);
/* The latest value; false: it was never told. `tag` below VIRTIO_BALLOON_S_TAGS. */
bool launcher_balloon_statistic(const struct launcher_device *dev, unsigned tag, uint64_t *value);

/* Starts a round of free page hints (2 and up), stops it, or is done with all hinted pages (VIRTIO_BALLOON_CMD_ID_*). */
void launcher_balloon_command(struct launcher_device *dev, uint32_t id);
/* Bytes that were hinted in the present round, and whether the driver has closed it; bytes that were ever reported. */
uint64_t launcher_balloon_hinted(const struct launcher_device *dev);
bool launcher_balloon_round_closed(const struct launcher_device *dev);
uint64_t launcher_balloon_reported(const struct launcher_device *dev);

#ifdef __cplusplus
}
#endif
#endif
