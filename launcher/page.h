/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus on which virtio began, lguest's: a page of guest memory right behind the guest's own, in which descriptors of
 * devices stand one behind the other, byte for byte without gaps, up to one of type 0 or the end of the page.
 *
 *   descriptor:  type | queues | feature bytes n | config bytes | status     one byte each
 *                for each queue:  entries (2) | irq (2) | page number (4)
 *                features: n bytes that the device offers, then n bytes that the driver acknowledges
 *                config bytes
 *
 * All is memory but one call to the host, the notify, with an address of the guest:
 *   - a descriptor's own address resets that device: status and acknowledged features read 0, and the rings are zeroed;
 *   - an address in the first page of a queue's rings is output (or fresh buffers for input) there. While status is 0
 *     it is refused and reported as early output.
 *
 * Older than VIRTIO 1.0: no FEATURES_OK, no VERSION_1, no generation, fields at any alignment in the guest's byte order,
 * legacy rings (2.7.2) by page number. lguest's host chose the pages of the rings; here the driver writes the number, as on the
 * later legacy interfaces, because all of the guest's memory is the guest's.
 */
#ifndef LAUNCHER_PAGE_H
#define LAUNCHER_PAGE_H

#include <stdint.h>

#include "virtio/spec.h"

#ifdef __cplusplus
extern "C" {
#endif

struct launcher_device;

struct launcher_page_descriptor {
    uint8_t type;   /* enum virtio_device_id; 0: no descriptor here, nor behind */
    uint8_t queues; /* how many struct launcher_page_queue follow */
    uint8_t feature_bytes;
    uint8_t config_bytes;
    uint8_t status;
};
VIRTIO_ASSERT(sizeof(struct launcher_page_descriptor) == 5);
VIRTIO_ASSERT_FIELD(struct launcher_page_descriptor, status, 4);

/* Used for its offsets: it stands at odd addresses. */
struct launcher_page_queue {
    le16 entries; /* the device's choice, a power of two */
    le16 irq;
    le32 page; /* the driver's: where its rings are, in VIRTQ_LEGACY_ALIGN bytes; 0: nowhere */
};
VIRTIO_ASSERT(sizeof(struct launcher_page_queue) == 8);
VIRTIO_ASSERT_FIELD(struct launcher_page_queue, irq, 2);
VIRTIO_ASSERT_FIELD(struct launcher_page_queue, page, 4);

enum launcher_page_sizes {
    LAUNCHER_PAGE_BYTES = 4096,
    LAUNCHER_PAGE_MAX = 255, /* queues, feature bytes, config bytes: a byte says how many */
};

/* How launcher_read() and launcher_write() reach it. */
enum launcher_page_regions {
    LAUNCHER_PAGE_REGION = 0, /* the page, all descriptors of it, whichever device is asked */
    LAUNCHER_PAGE_NOTIFY_REGION =
        1, /* a write is a notify: the offset is the address, the value nothing */
};
#define LAUNCHER_PAGE_NOTIFY_BYTES (1ull << 44) /* what page numbers reach */

/* Where a page is that nobody placed: the last one that has a number. */
#define LAUNCHER_PAGE_ADDRESS (LAUNCHER_PAGE_NOTIFY_BYTES - LAUNCHER_PAGE_BYTES)

/*
 * A page at a guest address (whole pages, below LAUNCHER_PAGE_NOTIFY_BYTES), for the option of that name: devices are put on it
 * in the order in which they are made. Free it after its devices.
 */
struct launcher_page *launcher_page_new(uint64_t address);
void launcher_page_free(struct launcher_page *page);

/* Guest address of a device's descriptor. */
uint64_t launcher_page_descriptor_address(const struct launcher_device *dev);

#ifdef __cplusplus
}
#endif
#endif
