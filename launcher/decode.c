/* SPDX-License-Identifier: BSD-2-Clause */
/* Which register lies where (VIRTIO 1.4, 4.1.4.3, 4.1.4.10, 4.2.2, 4.2.4): offsets become registers of access.h. */
#include "launcher/front.h"
#include "launcher/model.h"

struct row {
    uint16_t offset;
    uint8_t width; /* bytes; what the transport demands as well */
    enum { R = 1, W = 2, RW = R | W } may;
    enum launcher_register reg;
};

static const char *const names[] = {
#define X(name, text) text,
    LAUNCHER_REGISTERS(X)
#undef X
};

const char *launcher_register_name(enum launcher_register reg)
{
    return reg < sizeof(names) / sizeof(names[0]) ? names[reg] : "no register";
}

/* The table is sorted by nothing, and short. */
static struct launcher_access decode(const struct row *rows, size_t count, uint64_t offset,
                                     unsigned width)
{
    struct launcher_access access = {.offset = offset, .width = (uint8_t)width};

    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];

        if (offset < row->offset || offset >= (uint64_t)row->offset + row->width)
            continue;
        access.reg = row->reg;
        access.natural = row->width;
        access.skip = (uint8_t)(offset - row->offset);
        access.readable = (row->may & R) != 0;
        access.writable = (row->may & W) != 0;
        break;
    }
    return access;
}

#define DECODE(rows, offset, width) decode(rows, sizeof(rows) / sizeof((rows)[0]), offset, width)

/* ---- PCI ---- */

#define COMMON(field, may, reg)                                                                    \
    {                                                                                              \
        offsetof(struct virtio_pci_common_cfg, field),                                             \
            sizeof(((struct virtio_pci_common_cfg *)0)->field), may, LAUNCHER_REG_##reg            \
    }

struct launcher_access launcher_decode_common(uint64_t offset, unsigned width)
{
    static const struct row rows[] = {
        COMMON(device_feature_select, RW, DEVICE_FEATURE_SELECT),
        COMMON(device_feature, R, DEVICE_FEATURE),
        COMMON(driver_feature_select, RW, DRIVER_FEATURE_SELECT),
        COMMON(driver_feature, RW, DRIVER_FEATURE),
        COMMON(config_msix_vector, RW, CONFIG_VECTOR),
        COMMON(num_queues, R, NUM_QUEUES),
        COMMON(device_status, RW, STATUS),
        COMMON(config_generation, R, GENERATION),
        COMMON(queue_select, RW, QUEUE_SELECT),
        COMMON(queue_size, RW, QUEUE_SIZE),
        COMMON(queue_msix_vector, RW, QUEUE_VECTOR),
        COMMON(queue_enable, RW, QUEUE_ENABLE),
        COMMON(queue_notify_off, R, QUEUE_NOTIFY_OFF),
        COMMON(queue_desc_lo, RW, QUEUE_DESC_LO),
        COMMON(queue_desc_hi, RW, QUEUE_DESC_HI),
        COMMON(queue_driver_lo, RW, QUEUE_DRIVER_LO),
        COMMON(queue_driver_hi, RW, QUEUE_DRIVER_HI),
        COMMON(queue_device_lo, RW, QUEUE_DEVICE_LO),
        COMMON(queue_device_hi, RW, QUEUE_DEVICE_HI),
        COMMON(queue_notif_config_data, R, QUEUE_NOTIF_DATA),
        COMMON(queue_reset, RW, QUEUE_RESET),
        COMMON(admin_queue_index, R, ADMIN_QUEUE_INDEX),
        COMMON(admin_queue_num, R, ADMIN_QUEUE_NUM),
    };

    return DECODE(rows, offset, width);
}

struct launcher_access launcher_decode_pci_legacy(uint64_t offset, unsigned width, bool msix)
{
    static const struct row rows[] = {
        {VIRTIO_PCI_LEGACY_DEVICE_FEATURES, 4, R, LAUNCHER_REG_DEVICE_FEATURE},
        {VIRTIO_PCI_LEGACY_DRIVER_FEATURES, 4, RW, LAUNCHER_REG_DRIVER_FEATURE},
        {VIRTIO_PCI_LEGACY_QUEUE_PFN, 4, RW, LAUNCHER_REG_QUEUE_PFN},
        {VIRTIO_PCI_LEGACY_QUEUE_SIZE, 2, R, LAUNCHER_REG_QUEUE_SIZE},
        {VIRTIO_PCI_LEGACY_QUEUE_SELECT, 2, RW, LAUNCHER_REG_QUEUE_SELECT},
        {VIRTIO_PCI_LEGACY_QUEUE_NOTIFY, 2, RW, LAUNCHER_REG_NOTIFY},
        {VIRTIO_PCI_LEGACY_DEVICE_STATUS, 1, RW, LAUNCHER_REG_STATUS},
        {VIRTIO_PCI_LEGACY_ISR, 1, R, LAUNCHER_REG_ISR},
    };
    static const struct row vectors[] = {
        {VIRTIO_PCI_LEGACY_CONFIG_VECTOR, 2, RW, LAUNCHER_REG_CONFIG_VECTOR},
        {VIRTIO_PCI_LEGACY_QUEUE_VECTOR, 2, RW, LAUNCHER_REG_QUEUE_VECTOR},
    };

    if (msix && offset >= VIRTIO_PCI_LEGACY_CONFIG)
        return DECODE(vectors, offset, width);
    return DECODE(rows, offset, width);
}

/* ---- MMIO ---- */

#define MMIO(name, may, reg)                                                                       \
    {                                                                                              \
        VIRTIO_MMIO_##name, 4, may, LAUNCHER_REG_##reg                                             \
    }

struct launcher_access launcher_decode_mmio(uint64_t offset, unsigned width, bool legacy)
{
    static const struct row both[] = {
        MMIO(MAGIC_VALUE, R, MAGIC),
        MMIO(VERSION, R, VERSION),
        MMIO(DEVICE_ID, R, DEVICE_ID),
        MMIO(VENDOR_ID, R, VENDOR_ID),
        MMIO(DEVICE_FEATURES, R, DEVICE_FEATURE),
        MMIO(DEVICE_FEATURES_SEL, W, DEVICE_FEATURE_SELECT),
        MMIO(DRIVER_FEATURES, W, DRIVER_FEATURE),
        MMIO(DRIVER_FEATURES_SEL, W, DRIVER_FEATURE_SELECT),
        MMIO(QUEUE_SEL, W, QUEUE_SELECT),
        MMIO(QUEUE_SIZE_MAX, R, QUEUE_MAX),
        MMIO(QUEUE_SIZE, W, QUEUE_SIZE),
        MMIO(QUEUE_NOTIFY, W, NOTIFY),
        MMIO(INTERRUPT_STATUS, R, ISR),
        MMIO(INTERRUPT_ACK, W, INTERRUPT_ACK),
        MMIO(STATUS, RW, STATUS),
    };
    static const struct row old[] = {
        MMIO(GUEST_PAGE_SIZE, W, GUEST_PAGE_SIZE),
        MMIO(QUEUE_ALIGN, W, QUEUE_ALIGN),
        MMIO(QUEUE_PFN, RW, QUEUE_PFN),
    };
    static const struct row new[] = {
        MMIO(QUEUE_READY, RW, QUEUE_ENABLE),
        MMIO(QUEUE_DESC_LOW, W, QUEUE_DESC_LO),
        MMIO(QUEUE_DESC_HIGH, W, QUEUE_DESC_HI),
        MMIO(QUEUE_DRIVER_LOW, W, QUEUE_DRIVER_LO),
        MMIO(QUEUE_DRIVER_HIGH, W, QUEUE_DRIVER_HI),
        MMIO(QUEUE_DEVICE_LOW, W, QUEUE_DEVICE_LO),
        MMIO(QUEUE_DEVICE_HIGH, W, QUEUE_DEVICE_HI),
        MMIO(SHM_SEL, W, SHM),
        MMIO(SHM_LEN_LOW, R, SHM),
        MMIO(SHM_LEN_HIGH, R, SHM),
        MMIO(SHM_BASE_LOW, R, SHM),
        MMIO(SHM_BASE_HIGH, R, SHM),
        MMIO(QUEUE_RESET, RW, QUEUE_RESET),
        MMIO(CONFIG_GENERATION, R, GENERATION),
    };
    struct launcher_access access = DECODE(both, offset, width);

    if (access.reg == LAUNCHER_REG_NONE)
        access = legacy ? DECODE(old, offset, width) : DECODE(new, offset, width);
    return access;
}

/* ---- The device configuration ---- */

struct launcher_access launcher_decode_config(const struct launcher_config_field *fields,
                                              uint64_t offset, unsigned width)
{
    struct launcher_access access = {
        .reg = LAUNCHER_REG_CONFIG,
        .offset = offset,
        .width = (uint8_t)width,
        .readable = true,
        .writable = fields == NULL,
    };

    for (; fields != NULL && fields->width != 0; fields++) {
        if (offset < fields->offset || offset >= (uint64_t)fields->offset + fields->width)
            continue;
        access.natural = (uint8_t)(fields->width < 4 ? fields->width : 4);
        access.writable = fields->writable;
    }
    return access;
}
