/* SPDX-License-Identifier: BSD-2-Clause */
/* An entropy device as its owner holds it (VIRTIO 1.4, 5.4). */
#ifndef LAUNCHER_RNG_H
#define LAUNCHER_RNG_H

#include "launcher/launcher.h"

#ifdef __cplusplus
extern "C" {
#endif

/* At most these many bytes a buffer are filled from now on (at least 1, for the device must not use one without any); 0: all. */
void launcher_rng_limit(struct launcher_device *dev, uint32_t bytes);
/* While it holds, no buffer is filled: the source is exhausted. */
void launcher_rng_hold(struct launcher_device *dev, bool hold);
/* Bytes given so far, since the device was made. */
uint64_t launcher_rng_given(const struct launcher_device *dev);

#ifdef __cplusplus
}
#endif
#endif
