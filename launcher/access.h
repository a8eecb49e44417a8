/* SPDX-License-Identifier: BSD-2-Clause */
/* A register access in terms that all transports share: what the referee judges, wherever it was seen. */
#ifndef LAUNCHER_ACCESS_H
#define LAUNCHER_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#define LAUNCHER_REGISTERS(X)                                                                      \
    X(NONE, "no register")                                                                         \
    X(STATUS, "device_status")                                                                     \
    X(DEVICE_FEATURE_SELECT, "device_feature_select")                                              \
    X(DEVICE_FEATURE, "device_feature")                                                            \
    X(DRIVER_FEATURE_SELECT, "driver_feature_select")                                              \
    X(DRIVER_FEATURE, "driver_feature")                                                            \
    X(CONFIG_VECTOR, "config_msix_vector")                                                         \
    X(NUM_QUEUES, "num_queues")                                                                    \
    X(GENERATION, "config_generation")                                                             \
    X(QUEUE_SELECT, "queue_select")                                                                \
    X(QUEUE_MAX, "queue_size_max")                                                                 \
    X(QUEUE_SIZE, "queue_size")                                                                    \
    X(QUEUE_VECTOR, "queue_msix_vector")                                                           \
    X(QUEUE_ENABLE, "queue_enable")                                                                \
    X(QUEUE_NOTIFY_OFF, "queue_notify_off")                                                        \
    X(QUEUE_DESC_LO, "queue_desc_lo")                                                              \
    X(QUEUE_DESC_HI, "queue_desc_hi")                                                              \
    X(QUEUE_DRIVER_LO, "queue_driver_lo")                                                          \
    X(QUEUE_DRIVER_HI, "queue_driver_hi")                                                          \
    X(QUEUE_DEVICE_LO, "queue_device_lo")                                                          \
    X(QUEUE_DEVICE_HI, "queue_device_hi")                                                          \
    X(QUEUE_NOTIF_DATA, "queue_notif_config_data")                                                 \
    X(QUEUE_RESET, "queue_reset")                                                                  \
    X(ADMIN_QUEUE_INDEX, "admin_queue_index")                                                      \
    X(ADMIN_QUEUE_NUM, "admin_queue_num")                                                          \
    X(QUEUE_PFN, "queue_pfn")                                                                      \
    X(QUEUE_ALIGN, "queue_align")                                                                  \
    X(GUEST_PAGE_SIZE, "guest_page_size")                                                          \
    X(NOTIFY, "queue_notify")                                                                      \
    X(ISR, "isr_status")                                                                           \
    X(INTERRUPT_ACK, "interrupt_ack")                                                              \
    X(MAGIC, "magic_value")                                                                        \
    X(VERSION, "version")                                                                          \
    X(DEVICE_ID, "device_id")                                                                      \
    X(VENDOR_ID, "vendor_id")                                                                      \
    X(SHM, "shared memory")                                                                        \
    X(CONFIG, "device configuration")                                                              \
    X(PCI_COMMAND, "PCI command")                                                                  \
    X(PCI_CONFIG, "PCI configuration space")

enum launcher_register {
#define X(name, text) LAUNCHER_REG_##name,
    LAUNCHER_REGISTERS(X)
#undef X
};

struct launcher_access {
    enum launcher_register reg;
    bool write;
    bool readable, writable; /* what the transport allows the driver to do with this register */
    uint8_t width;           /* bytes, as accessed */
    uint8_t natural;         /* bytes that the transport demands; 0: any */
    uint8_t skip;            /* bytes into the register where the access starts */
    unsigned region;         /* as accessed */
    uint64_t
        offset; /* as accessed; CONFIG: into the device configuration; NOTIFY: into the window */
    uint32_t value; /* written, or read */
};

const char *launcher_register_name(enum launcher_register reg);

#endif
