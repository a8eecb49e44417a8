/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Front ends: how registers look to the driver. Each translates an access into a transport-neutral one (access.h), has
 * the referee judge it, then has the core do it. The same translation serves the reader of traces.
 */
#ifndef LAUNCHER_FRONT_H
#define LAUNCHER_FRONT_H

#include "launcher/access.h"
#include "launcher/launcher.h"

struct launcher_config_field;
struct launcher_queue;

struct launcher_front {
    const char *name;
    void (*create)(struct launcher_device *dev);
    void (*destroy)(struct launcher_device *dev);
    void (*reset)(struct launcher_device *dev); /* of its own state, after the core's */
    uint32_t (*read)(struct launcher_device *dev, unsigned region, uint64_t offset, unsigned width);
    void (*write)(struct launcher_device *dev, unsigned region, uint64_t offset, unsigned width,
                  uint32_t value);
    uint64_t (*size)(const struct launcher_device *dev, unsigned region);
    bool (*ports)(const struct launcher_device *dev, unsigned region); /* NULL: none is */
    /* An event is due for a vector, or for none; NULL: there is one interrupt, without vectors. */
    void (*interrupt)(struct launcher_device *dev, uint16_t vector);
    bool (*can_dma)(const struct launcher_device *dev); /* NULL: always */
    bool legacy; /* no VERSION_1, no FEATURES_OK, rings by page number */
};

extern const struct launcher_front launcher_front_pci;         /* pci.c, also transitional */
extern const struct launcher_front launcher_front_pci_legacy;  /* pci_legacy.c */
extern const struct launcher_front launcher_front_mmio;        /* mmio.c */
extern const struct launcher_front launcher_front_mmio_legacy; /* mmio_legacy.c */
extern const struct launcher_front launcher_front_page;        /* page.c */

/*
 * Which register of a block lies at an offset; reg NONE: none. Tables of offsets, widths and whether they may be read or written.
 */
struct launcher_access launcher_decode_common(uint64_t offset,
                                              unsigned width); /* PCI common configuration */
struct launcher_access launcher_decode_pci_legacy(uint64_t offset, unsigned width, bool msix);
struct launcher_access launcher_decode_mmio(uint64_t offset, unsigned width, bool legacy);

/* An access of the device configuration: the field there says what is natural. NULL: fields are unknown. */
struct launcher_access launcher_decode_config(const struct launcher_config_field *fields,
                                              uint64_t offset, unsigned width);

/* pci_legacy.c: where the parts of a legacy queue are (2.7.2), and enables it. `align` in bytes. */
void launcher_place_legacy_queue(struct launcher_device *dev, struct launcher_queue *queue,
                                 uint64_t address, uint64_t align);

/* perform.c: does a neutral access on the core (after the referee): reads return the value. */
uint32_t launcher_perform(struct launcher_device *dev, const struct launcher_access *access);
/* Notes it and has it judged. */
void launcher_observe(struct launcher_device *dev, const struct launcher_access *access);
/* Observes and performs it; a read's value is put into the access as well. */
uint32_t launcher_carry_out(struct launcher_device *dev, struct launcher_access *access);

#endif
