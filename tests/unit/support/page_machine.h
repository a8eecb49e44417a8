/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine of the kind that virtio was made for: launcher devices on one descriptor page (launcher/page.h), and Slate's
 * core on the guest's side of it. The host reaches the rings, and what is mapped for it at the moment, and nothing else.
 */
#ifndef TESTS_UNIT_SUPPORT_PAGE_MACHINE_H
#define TESTS_UNIT_SUPPORT_PAGE_MACHINE_H

#include "launcher/launcher.h"
#include "virtio/virtio.h"

#define PAGE_MACHINE_DEVICES  8u
#define PAGE_MACHINE_MAPPINGS 4096u
#define PAGE_MACHINE_PAGE     0x7fff000ull /* guest address of the page */

struct page_mapping {
    uint8_t *pointer;
    size_t length;
    bool live, from_device;
};

struct page_device {
    struct page_machine *machine;
    struct launcher_device *host;
    struct virtio_device dev; /* Slate's: set by page_machine_find() */
    struct virtio_env env;
    uint8_t *rings; /* as allocated; env.dma may be moved in it */
    struct page_mapping mappings[PAGE_MACHINE_MAPPINGS];
    unsigned mapped;
};

struct page_machine {
    struct launcher_page *page;
    struct page_device *devices[PAGE_MACHINE_DEVICES];
    unsigned count;
    struct virtio_bus bus;
    uint64_t now, tick_ns;  /* each look at the clock is a tick, in which the devices work */
    unsigned unmapped_uses; /* the host reached for memory that is not its own */
    char log[16384];        /* all lines of Slate's, with a newline each */
};

struct page_machine *page_machine_new(void);
/* Puts a device on the page; front, page and memory of the options are filled in. */
struct page_device *page_machine_plug(struct page_machine *machine,
                                      const struct launcher_options *options);
/* Slate looks at the page: finds and discovers all that stands there; how many were found. */
unsigned page_machine_find(struct page_machine *machine);
/* Memory for that driver, as much as it says that it needs, with queues of `size`. */
void page_machine_give(struct page_device *device, const struct virtio_driver *driver,
                       unsigned size);
/* Prints and fails the test on a violation, a use of memory that is not the host's, or a mapping left over (unless the device is STUCK). */
void page_machine_free(struct page_machine *machine);

/* All three for one disk of 64 sectors of a pattern, with that latency, found but not claimed. */
struct page_device *page_machine_disk(struct page_machine *machine, uint64_t latency_ns);
uint8_t page_machine_pattern(uint64_t byte); /* of the disk, from its start */

extern const struct virtio_io page_machine_io; /* its context is a struct page_machine */

#endif
