/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What driver and device share: registers, ring layouts, feature bits and device ids of VIRTIO 1.4, and nothing
 * else. Every layout is asserted here; tests/unit/test_spec.c compares every value with Linux's headers.
 */
#ifndef VIRTIO_SPEC_H
#define VIRTIO_SPEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define VIRTIO_ASSERT(condition) static_assert(condition, #condition)
#else
#define VIRTIO_ASSERT(condition) _Static_assert(condition, #condition)
#endif

#define VIRTIO_ASSERT_FIELD(type, field, at) VIRTIO_ASSERT(offsetof(type, field) == (at))

/* Little-endian values in shared memory. Structs, so that none is read or assigned without a conversion. */
typedef struct {
    uint16_t le;
} le16;
typedef struct {
    uint32_t le;
} le32;
typedef struct {
    uint64_t le;
} le64;

/* 2.1 Device status field: bits. */
enum virtio_status {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_SUSPEND = 16,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* 2.2, 6 Feature bits: numbers, not masks. */
enum virtio_feature {
    VIRTIO_F_NOTIFY_ON_EMPTY = 24, /* legacy */
    VIRTIO_F_ANY_LAYOUT = 27,      /* legacy */
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_ACCESS_PLATFORM = 33,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_IN_ORDER = 35,
    VIRTIO_F_ORDER_PLATFORM = 36,
    VIRTIO_F_SR_IOV = 37,
    VIRTIO_F_NOTIFICATION_DATA = 38,
    VIRTIO_F_NOTIF_CONFIG_DATA = 39,
    VIRTIO_F_RING_RESET = 40,
    VIRTIO_F_ADMIN_VQ = 41,
    VIRTIO_F_SUSPEND = 43,
};

/* 5 Device types. */
enum virtio_device_id {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_ENTROPY = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_IOMEM = 6,
    VIRTIO_ID_RPMSG = 7,
    VIRTIO_ID_SCSI = 8,
    VIRTIO_ID_9P = 9,
    VIRTIO_ID_GPU = 16,
    VIRTIO_ID_INPUT = 18,
    VIRTIO_ID_SOCKET = 19,
    VIRTIO_ID_CRYPTO = 20,
    VIRTIO_ID_IOMMU = 23,
    VIRTIO_ID_MEM = 24,
    VIRTIO_ID_SOUND = 25,
    VIRTIO_ID_FS = 26,
    VIRTIO_ID_PMEM = 27,
};

/* 2.7.5 The descriptor table of a split virtqueue. */
struct virtq_desc {
    le64 addr; /* bus address of the piece */
    le32 len;  /* bytes */
    le16 flags;
    le16 next; /* index of the next piece, if VIRTQ_DESC_F_NEXT */
};
VIRTIO_ASSERT(sizeof(struct virtq_desc) == 16);
VIRTIO_ASSERT_FIELD(struct virtq_desc, len, 8);
VIRTIO_ASSERT_FIELD(struct virtq_desc, flags, 12);
VIRTIO_ASSERT_FIELD(struct virtq_desc, next, 14);

enum virtq_desc_flags {
    VIRTQ_DESC_F_NEXT = 1,
    VIRTQ_DESC_F_WRITE = 2, /* the device writes this piece; it reads the others */
    VIRTQ_DESC_F_INDIRECT = 4,
};

/* 2.7.6 The available ring (driver area); `size` entries follow, then used_event. */
struct virtq_avail {
    le16 flags;
    le16 idx;
};
VIRTIO_ASSERT(sizeof(struct virtq_avail) == 4);
VIRTIO_ASSERT_FIELD(struct virtq_avail, idx, 2);

enum virtq_avail_flags {
    VIRTQ_AVAIL_F_NO_INTERRUPT = 1,
};

/* 2.7.8 The used ring (device area); `size` elements follow, then avail_event. */
struct virtq_used_elem {
    le32 id;  /* head of the chain that was used */
    le32 len; /* bytes that the device wrote */
};
VIRTIO_ASSERT(sizeof(struct virtq_used_elem) == 8);
VIRTIO_ASSERT_FIELD(struct virtq_used_elem, len, 4);

struct virtq_used {
    le16 flags;
    le16 idx;
};
VIRTIO_ASSERT(sizeof(struct virtq_used) == 4);
VIRTIO_ASSERT_FIELD(struct virtq_used, idx, 2);

enum virtq_used_flags {
    VIRTQ_USED_F_NO_NOTIFY = 1,
};

/* 2.8.13 The descriptor ring of a packed virtqueue. */
struct pvirtq_desc {
    le64 addr; /* bus address of the piece */
    le32 len;  /* bytes; in a used descriptor: bytes that the device wrote */
    le16 id;   /* of the buffer, in its last descriptor */
    le16 flags;
};
VIRTIO_ASSERT(sizeof(struct pvirtq_desc) == 16);
VIRTIO_ASSERT_FIELD(struct pvirtq_desc, len, 8);
VIRTIO_ASSERT_FIELD(struct pvirtq_desc, id, 12);
VIRTIO_ASSERT_FIELD(struct pvirtq_desc, flags, 14);

/* Beside those of virtq_desc_flags: equal to the wrap counter, or not (2.8.1). */
enum pvirtq_desc_flags {
    VIRTQ_DESC_F_AVAIL = 1 << 7,
    VIRTQ_DESC_F_USED = 1 << 15,
};

/* 2.8.14 Event suppression structure: one that the driver writes (driver area), one of the device (device area). */
struct pvirtq_event_suppress {
    le16 desc; /* bits 0 to 14: offset in the ring; bit 15: wrap counter */
    le16 flags;
};
VIRTIO_ASSERT(sizeof(struct pvirtq_event_suppress) == 4);
VIRTIO_ASSERT_FIELD(struct pvirtq_event_suppress, flags, 2);

enum pvirtq_event_flags {
    VIRTQ_EVENT_FLAGS_ENABLE = 0,
    VIRTQ_EVENT_FLAGS_DISABLE = 1,
    VIRTQ_EVENT_FLAGS_DESC = 2, /* for one descriptor; only with VIRTIO_F_EVENT_IDX */
};

enum virtq_limits {
    VIRTQ_SIZE_MAX = 32768,
    VIRTQ_DESC_ALIGN = 16,
    VIRTQ_AVAIL_ALIGN = 2,
    VIRTQ_USED_ALIGN = 4,
    VIRTQ_EVENT_ALIGN = 4,     /* 2.8: of both event suppression structures */
    VIRTQ_LEGACY_ALIGN = 4096, /* 2.7.2: of the ring, and of the used ring in it */
};

/* 4.1.2 PCI device discovery. */
enum virtio_pci_ids {
    VIRTIO_PCI_VENDOR = 0x1af4,
    VIRTIO_PCI_DEVICE_FIRST = 0x1000,        /* transitional ids: 0x1000 to 0x103f */
    VIRTIO_PCI_DEVICE_MODERN_FIRST = 0x1040, /* 0x1040 + device id */
    VIRTIO_PCI_DEVICE_LAST = 0x107f,
};

/* 4.1.4 Virtio structure PCI capabilities: a vendor-specific capability. */
struct virtio_pci_cap {
    uint8_t cap_vndr; /* 9 */
    uint8_t cap_next;
    uint8_t cap_len;
    uint8_t cfg_type;
    uint8_t bar;
    uint8_t id;
    uint8_t padding[2];
    le32 offset; /* bytes into the BAR */
    le32 length; /* bytes */
};
VIRTIO_ASSERT(sizeof(struct virtio_pci_cap) == 16);
VIRTIO_ASSERT_FIELD(struct virtio_pci_cap, cap_len, 2);
VIRTIO_ASSERT_FIELD(struct virtio_pci_cap, cfg_type, 3);
VIRTIO_ASSERT_FIELD(struct virtio_pci_cap, bar, 4);
VIRTIO_ASSERT_FIELD(struct virtio_pci_cap, offset, 8);
VIRTIO_ASSERT_FIELD(struct virtio_pci_cap, length, 12);

struct virtio_pci_notify_cap {
    struct virtio_pci_cap cap;
    le32 notify_off_multiplier; /* bytes; may be 0 */
};
VIRTIO_ASSERT(sizeof(struct virtio_pci_notify_cap) == 20);
VIRTIO_ASSERT_FIELD(struct virtio_pci_notify_cap, notify_off_multiplier, 16);

enum virtio_pci_cfg_type {
    VIRTIO_PCI_CAP_COMMON_CFG = 1,
    VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
    VIRTIO_PCI_CAP_ISR_CFG = 3,
    VIRTIO_PCI_CAP_DEVICE_CFG = 4,
    VIRTIO_PCI_CAP_PCI_CFG = 5,
    VIRTIO_PCI_CAP_SHARED_MEMORY_CFG = 8,
    VIRTIO_PCI_CAP_VENDOR_CFG = 9,
};

/* 4.1.4.3 Common configuration structure. Used for its offsets only: registers are not memory. */
struct virtio_pci_common_cfg {
    le32 device_feature_select;
    le32 device_feature;
    le32 driver_feature_select;
    le32 driver_feature;
    le16 config_msix_vector;
    le16 num_queues;
    uint8_t device_status;
    uint8_t config_generation;
    le16 queue_select;
    le16 queue_size;
    le16 queue_msix_vector;
    le16 queue_enable;
    le16 queue_notify_off;
    le32 queue_desc_lo;
    le32 queue_desc_hi;
    le32 queue_driver_lo;
    le32 queue_driver_hi;
    le32 queue_device_lo;
    le32 queue_device_hi;
    le16 queue_notif_config_data; /* only if VIRTIO_F_NOTIF_CONFIG_DATA */
    le16 queue_reset;             /* only if VIRTIO_F_RING_RESET */
    le16 admin_queue_index;       /* only if VIRTIO_F_ADMIN_VQ */
    le16 admin_queue_num;
};
VIRTIO_ASSERT(sizeof(struct virtio_pci_common_cfg) == 64);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, device_feature, 4);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, driver_feature_select, 8);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, driver_feature, 12);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, config_msix_vector, 16);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, num_queues, 18);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, device_status, 20);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, config_generation, 21);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_select, 22);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_size, 24);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_msix_vector, 26);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_enable, 28);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_notify_off, 30);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_desc_lo, 32);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_desc_hi, 36);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_driver_lo, 40);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_driver_hi, 44);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_device_lo, 48);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_device_hi, 52);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_notif_config_data, 56);
VIRTIO_ASSERT_FIELD(struct virtio_pci_common_cfg, queue_reset, 58);

enum {
    VIRTIO_PCI_COMMON_CFG_MIN = 56, /* bytes: the part that no feature bit governs */
    VIRTIO_MSI_NO_VECTOR = 0xffff,
};

/* 4.1.4.8 Legacy register block at BAR 0: offsets. */
enum virtio_pci_legacy_registers {
    VIRTIO_PCI_LEGACY_DEVICE_FEATURES = 0,
    VIRTIO_PCI_LEGACY_DRIVER_FEATURES = 4,
    VIRTIO_PCI_LEGACY_QUEUE_PFN = 8,
    VIRTIO_PCI_LEGACY_QUEUE_SIZE = 12,
    VIRTIO_PCI_LEGACY_QUEUE_SELECT = 14,
    VIRTIO_PCI_LEGACY_QUEUE_NOTIFY = 16,
    VIRTIO_PCI_LEGACY_DEVICE_STATUS = 18,
    VIRTIO_PCI_LEGACY_ISR = 19,
    VIRTIO_PCI_LEGACY_CONFIG_VECTOR = 20, /* these two only when MSI-X is enabled */
    VIRTIO_PCI_LEGACY_QUEUE_VECTOR = 22,
    VIRTIO_PCI_LEGACY_CONFIG = 20, /* 24 when MSI-X is enabled */
};

/* 4.1.4.5, 4.2.2: what ISR status or InterruptStatus says. */
enum virtio_isr {
    VIRTIO_ISR_QUEUE = 1,
    VIRTIO_ISR_CONFIG = 2,
};

/* 4.2.2, 4.2.4 MMIO registers: offsets, each 32 bits wide. */
enum virtio_mmio_registers {
    VIRTIO_MMIO_MAGIC_VALUE = 0x000, /* reads VIRTIO_MMIO_MAGIC */
    VIRTIO_MMIO_VERSION = 0x004,     /* 2; legacy: 1 */
    VIRTIO_MMIO_DEVICE_ID = 0x008,   /* 0: nothing there */
    VIRTIO_MMIO_VENDOR_ID = 0x00c,
    VIRTIO_MMIO_DEVICE_FEATURES = 0x010,
    VIRTIO_MMIO_DEVICE_FEATURES_SEL = 0x014,
    VIRTIO_MMIO_DRIVER_FEATURES = 0x020,
    VIRTIO_MMIO_DRIVER_FEATURES_SEL = 0x024,
    VIRTIO_MMIO_GUEST_PAGE_SIZE = 0x028, /* legacy */
    VIRTIO_MMIO_QUEUE_SEL = 0x030,
    VIRTIO_MMIO_QUEUE_SIZE_MAX = 0x034,
    VIRTIO_MMIO_QUEUE_SIZE = 0x038,
    VIRTIO_MMIO_QUEUE_ALIGN = 0x03c, /* legacy */
    VIRTIO_MMIO_QUEUE_PFN = 0x040,   /* legacy */
    VIRTIO_MMIO_QUEUE_READY = 0x044,
    VIRTIO_MMIO_QUEUE_NOTIFY = 0x050,
    VIRTIO_MMIO_INTERRUPT_STATUS = 0x060,
    VIRTIO_MMIO_INTERRUPT_ACK = 0x064,
    VIRTIO_MMIO_STATUS = 0x070,
    VIRTIO_MMIO_QUEUE_DESC_LOW = 0x080,
    VIRTIO_MMIO_QUEUE_DESC_HIGH = 0x084,
    VIRTIO_MMIO_QUEUE_DRIVER_LOW = 0x090,
    VIRTIO_MMIO_QUEUE_DRIVER_HIGH = 0x094,
    VIRTIO_MMIO_QUEUE_DEVICE_LOW = 0x0a0,
    VIRTIO_MMIO_QUEUE_DEVICE_HIGH = 0x0a4,
    VIRTIO_MMIO_SHM_SEL = 0x0ac,
    VIRTIO_MMIO_SHM_LEN_LOW = 0x0b0,
    VIRTIO_MMIO_SHM_LEN_HIGH = 0x0b4,
    VIRTIO_MMIO_SHM_BASE_LOW = 0x0b8,
    VIRTIO_MMIO_SHM_BASE_HIGH = 0x0bc,
    VIRTIO_MMIO_QUEUE_RESET = 0x0c0,
    VIRTIO_MMIO_CONFIG_GENERATION = 0x0fc,
    VIRTIO_MMIO_CONFIG = 0x100, /* device configuration */
};

enum {
    VIRTIO_MMIO_MAGIC = 0x74726976, /* "virt" */
};

/* 5.2 Block device: feature bits. */
enum virtio_blk_feature {
    VIRTIO_BLK_F_BARRIER = 0, /* legacy */
    VIRTIO_BLK_F_SIZE_MAX = 1,
    VIRTIO_BLK_F_SEG_MAX = 2,
    VIRTIO_BLK_F_GEOMETRY = 4,
    VIRTIO_BLK_F_RO = 5,
    VIRTIO_BLK_F_BLK_SIZE = 6,
    VIRTIO_BLK_F_SCSI = 7, /* legacy */
    VIRTIO_BLK_F_FLUSH = 9,
    VIRTIO_BLK_F_TOPOLOGY = 10,
    VIRTIO_BLK_F_CONFIG_WCE = 11,
    VIRTIO_BLK_F_MQ = 12,
    VIRTIO_BLK_F_DISCARD = 13,
    VIRTIO_BLK_F_WRITE_ZEROES = 14,
    VIRTIO_BLK_F_LIFETIME = 15,
    VIRTIO_BLK_F_SECURE_ERASE = 16,
    VIRTIO_BLK_F_ZONED = 17,
};

/* 5.2.4 Block device: configuration layout, used for its offsets. Sector-valued fields count 512 bytes. */
struct virtio_blk_config {
    le64 capacity;
    le32 size_max;
    le32 seg_max;
    le16 cylinders;
    uint8_t heads;
    uint8_t sectors;
    le32 blk_size;
    uint8_t physical_block_exp;
    uint8_t alignment_offset;
    le16 min_io_size;
    le32 opt_io_size;
    uint8_t writeback;
    uint8_t unused0;
    le16 num_queues;
    le32 max_discard_sectors;
    le32 max_discard_seg;
    le32 discard_sector_alignment;
    le32 max_write_zeroes_sectors;
    le32 max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
    le32 max_secure_erase_sectors;
    le32 max_secure_erase_seg;
    le32 secure_erase_sector_alignment;
    le32 zone_sectors;
    le32 max_open_zones;
    le32 max_active_zones;
    le32 max_append_sectors;
    le32 write_granularity;
    uint8_t zoned_model;
    uint8_t unused2[3];
};
VIRTIO_ASSERT(sizeof(struct virtio_blk_config) == 96);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, size_max, 8);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, seg_max, 12);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, blk_size, 20);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, physical_block_exp, 24);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, opt_io_size, 28);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, writeback, 32);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, num_queues, 34);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, max_discard_sectors, 36);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, max_write_zeroes_sectors, 48);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, write_zeroes_may_unmap, 56);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, max_secure_erase_sectors, 60);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, zone_sectors, 72);
VIRTIO_ASSERT_FIELD(struct virtio_blk_config, zoned_model, 92);

enum virtio_blk_zoned_model {
    VIRTIO_BLK_Z_NONE = 0,
    VIRTIO_BLK_Z_HM = 1,
    VIRTIO_BLK_Z_HA = 2,
};

/* 5.2.6 Block device: requests. Data and one status byte follow the header. */
struct virtio_blk_req_header {
    le32 type;
    le32 reserved;
    le64 sector; /* units of 512 bytes */
};
VIRTIO_ASSERT(sizeof(struct virtio_blk_req_header) == 16);
VIRTIO_ASSERT_FIELD(struct virtio_blk_req_header, sector, 8);

enum virtio_blk_req_type {
    VIRTIO_BLK_T_IN = 0,
    VIRTIO_BLK_T_OUT = 1,
    VIRTIO_BLK_T_FLUSH = 4,
    VIRTIO_BLK_T_GET_ID = 8,
    VIRTIO_BLK_T_GET_LIFETIME = 10,
    VIRTIO_BLK_T_DISCARD = 11,
    VIRTIO_BLK_T_WRITE_ZEROES = 13,
    VIRTIO_BLK_T_SECURE_ERASE = 14,
    VIRTIO_BLK_T_ZONE_APPEND = 15,
    VIRTIO_BLK_T_ZONE_REPORT = 16,
    VIRTIO_BLK_T_ZONE_OPEN = 18,
    VIRTIO_BLK_T_ZONE_CLOSE = 20,
    VIRTIO_BLK_T_ZONE_FINISH = 22,
    VIRTIO_BLK_T_ZONE_RESET = 24,
    VIRTIO_BLK_T_ZONE_RESET_ALL = 26,
    VIRTIO_BLK_T_SCSI_CMD = 2,     /* legacy */
    VIRTIO_BLK_T_SCSI_CMD_OUT = 3, /* legacy */
    VIRTIO_BLK_T_FLUSH_OUT = 5,    /* legacy */
};
#define VIRTIO_BLK_T_BARRIER 0x80000000u /* legacy: a bit beside the type */

enum virtio_blk_status {
    VIRTIO_BLK_S_OK = 0,
    VIRTIO_BLK_S_IOERR = 1,
    VIRTIO_BLK_S_UNSUPP = 2,
    VIRTIO_BLK_S_ZONE_INVALID_CMD = 3,
    VIRTIO_BLK_S_ZONE_UNALIGNED_WP = 4,
    VIRTIO_BLK_S_ZONE_OPEN_RESOURCE = 5,
    VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE = 6,
};

enum virtio_blk_limits {
    VIRTIO_BLK_SECTOR = 512,
    VIRTIO_BLK_ID_BYTES = 20,
};

/* One range of a discard or write zeroes request. */
struct virtio_blk_range {
    le64 sector;
    le32 num_sectors;
    le32 flags;
};
VIRTIO_ASSERT(sizeof(struct virtio_blk_range) == 16);
VIRTIO_ASSERT_FIELD(struct virtio_blk_range, num_sectors, 8);
VIRTIO_ASSERT_FIELD(struct virtio_blk_range, flags, 12);

enum virtio_blk_range_flags {
    VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP = 1,
};

/* What VIRTIO_BLK_T_GET_LIFETIME returns; 0: undefined. Wear in steps of 10 %, 11: beyond what was estimated. */
struct virtio_blk_lifetime {
    le16 pre_eol_info; /* 1 to 3 */
    le16 device_lifetime_est_typ_a;
    le16 device_lifetime_est_typ_b;
};
VIRTIO_ASSERT(sizeof(struct virtio_blk_lifetime) == 6);

/* What VIRTIO_BLK_T_ZONE_REPORT returns: this header, then as many descriptors as fit. */
struct virtio_blk_zone_report {
    le64 nr_zones;
    uint8_t reserved[56];
};
VIRTIO_ASSERT(sizeof(struct virtio_blk_zone_report) == 64);

struct virtio_blk_zone_descriptor {
    le64 z_cap; /* sectors that may be written */
    le64 z_start;
    le64 z_wp; /* the sector that the next write goes to */
    uint8_t z_type;
    uint8_t z_state;
    uint8_t reserved[38];
};
VIRTIO_ASSERT(sizeof(struct virtio_blk_zone_descriptor) == 64);
VIRTIO_ASSERT_FIELD(struct virtio_blk_zone_descriptor, z_type, 24);

enum virtio_blk_zone_type {
    VIRTIO_BLK_ZT_CONV = 1, /* conventional */
    VIRTIO_BLK_ZT_SWR = 2,  /* sequential writes required */
    VIRTIO_BLK_ZT_SWP = 3,  /* sequential writes preferred */
};

enum virtio_blk_zone_state {
    VIRTIO_BLK_ZS_NOT_WP = 0,
    VIRTIO_BLK_ZS_EMPTY = 1,
    VIRTIO_BLK_ZS_IOPEN = 2, /* implicitly, by a write */
    VIRTIO_BLK_ZS_EOPEN = 3, /* explicitly */
    VIRTIO_BLK_ZS_CLOSED = 4,
    VIRTIO_BLK_ZS_RDONLY = 13,
    VIRTIO_BLK_ZS_FULL = 14,
    VIRTIO_BLK_ZS_OFFLINE = 15,
};

/* 5.3 Console device. */
enum virtio_console_feature {
    VIRTIO_CONSOLE_F_SIZE = 0,
    VIRTIO_CONSOLE_F_MULTIPORT = 1,
    VIRTIO_CONSOLE_F_EMERG_WRITE = 2,
};

struct virtio_console_config {
    le16 cols;
    le16 rows;
    le32 max_nr_ports;
    le32 emerg_wr;
};
VIRTIO_ASSERT(sizeof(struct virtio_console_config) == 12);
VIRTIO_ASSERT_FIELD(struct virtio_console_config, rows, 2);
VIRTIO_ASSERT_FIELD(struct virtio_console_config, max_nr_ports, 4);
VIRTIO_ASSERT_FIELD(struct virtio_console_config, emerg_wr, 8);

/* 5.3.6.2 Console device: control messages. A size follows RESIZE, a name without a terminator PORT_NAME. */
struct virtio_console_control {
    le32 id; /* of the port */
    le16 event;
    le16 value;
};
VIRTIO_ASSERT(sizeof(struct virtio_console_control) == 8);
VIRTIO_ASSERT_FIELD(struct virtio_console_control, event, 4);
VIRTIO_ASSERT_FIELD(struct virtio_console_control, value, 6);

enum virtio_console_event {
    VIRTIO_CONSOLE_DEVICE_READY = 0,
    VIRTIO_CONSOLE_DEVICE_ADD = 1,
    VIRTIO_CONSOLE_DEVICE_REMOVE = 2,
    VIRTIO_CONSOLE_PORT_READY = 3,
    VIRTIO_CONSOLE_CONSOLE_PORT = 4,
    VIRTIO_CONSOLE_RESIZE = 5,
    VIRTIO_CONSOLE_PORT_OPEN = 6,
    VIRTIO_CONSOLE_PORT_NAME = 7,
};

struct virtio_console_resize {
    le16 cols;
    le16 rows;
};
VIRTIO_ASSERT(sizeof(struct virtio_console_resize) == 4);
VIRTIO_ASSERT_FIELD(struct virtio_console_resize, rows, 2);

/* 5.5 Traditional memory balloon device. */
enum virtio_balloon_feature {
    VIRTIO_BALLOON_F_MUST_TELL_HOST = 0,
    VIRTIO_BALLOON_F_STATS_VQ = 1,
    VIRTIO_BALLOON_F_DEFLATE_ON_OOM = 2,
    VIRTIO_BALLOON_F_FREE_PAGE_HINT = 3,
    VIRTIO_BALLOON_F_PAGE_POISON = 4,
    VIRTIO_BALLOON_F_PAGE_REPORTING = 5,
};

struct virtio_balloon_config {
    le32 num_pages; /* that the device wants */
    le32 actual;    /* that it has */
    le32 free_page_hint_cmd_id;
    le32 poison_val;
};
VIRTIO_ASSERT(sizeof(struct virtio_balloon_config) == 16);
VIRTIO_ASSERT_FIELD(struct virtio_balloon_config, actual, 4);
VIRTIO_ASSERT_FIELD(struct virtio_balloon_config, free_page_hint_cmd_id, 8);
VIRTIO_ASSERT_FIELD(struct virtio_balloon_config, poison_val, 12);

enum virtio_balloon_limits {
    VIRTIO_BALLOON_PAGE_SHIFT =
        12, /* page numbers count 4096 bytes, whatever the guest's pages are */
    VIRTIO_BALLOON_CMD_ID_STOP = 0,
    VIRTIO_BALLOON_CMD_ID_DONE = 1,
    VIRTIO_BALLOON_S_TAGS = 10, /* statistics are tagged 0 to 9 */
};

/* One statistic: a tag and a value, packed. Used for its offsets only. */
struct virtio_balloon_stat {
    uint8_t tag[2];
    uint8_t val[8];
};
VIRTIO_ASSERT(sizeof(struct virtio_balloon_stat) == 10);
VIRTIO_ASSERT_FIELD(struct virtio_balloon_stat, val, 2);

#endif
