/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio/spec.h against Linux's own headers: the same list is compiled once under our names and once, where the structs
 * of the same name have been renamed and Linux's macros have taken over, under Linux's. The launcher shares
 * spec.h with the code under test, so a misreading would hide on both sides without this.
 */
#include "virtio/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name;
    unsigned long long value;
} ours[] = {
#define V(our, linux_name)                     {#our, (unsigned long long)(our)},
#define S(our, linux_name)                     {"sizeof " #our, sizeof(struct our)},
#define F(our, field, linux_name, linux_field) {#our "." #field, offsetof(struct our, field)},
#include "tests/unit/support/spec_list.h"
#undef V
#undef S
#undef F
};

/*
 * What Debian 12's headers (Linux 6.1) lack, each value as the specification's text gives it. Every other name of
 * spec.h has to be in the list: the last test reads spec.h and sees to it.
 */
static const struct {
    const char *name, *where;
    unsigned long long ours, expected;
} unlisted[] = {
#define U(constant, value, reason)                                                                 \
    {                                                                                              \
        .name = #constant, reason, constant, value                                                 \
    }
    U(VIRTIO_STATUS_SUSPEND, 16, "2.1; not in Linux 6.1"),
    U(VIRTIO_F_NOTIFICATION_DATA, 38, "6; not in Linux 6.1"),
    U(VIRTIO_F_NOTIF_CONFIG_DATA, 39, "6; not in Linux 6.1"),
    U(VIRTIO_F_ADMIN_VQ, 41, "6; not in Linux 6.1"),
    U(VIRTIO_F_SUSPEND, 43, "6; not in Linux 6.1"),
    U(VIRTQ_SIZE_MAX, 32768, "2.7; a rule, not a constant of Linux's"),
    U(VIRTQ_EVENT_ALIGN, 4, "2.8; a rule, not a constant of Linux's"),
    U(VIRTIO_PCI_VENDOR, 0x1af4, "4.1.2; Linux keeps it in the kernel's pci_ids.h"),
    U(VIRTIO_PCI_DEVICE_MODERN_FIRST, 0x1040, "4.1.2; in the kernel's driver"),
    U(VIRTIO_PCI_DEVICE_LAST, 0x107f, "4.1.2; in the kernel's driver"),
    U(VIRTIO_PCI_CAP_VENDOR_CFG, 9, "4.1.4; not in Linux 6.1"),
    U(VIRTIO_MMIO_QUEUE_RESET, 0x0c0, "4.2.2; not in Linux 6.1"),
    U(VIRTIO_MMIO_MAGIC, 0x74726976, "4.2.2; in the kernel's driver"),
    U(VIRTIO_BLK_F_LIFETIME, 15, "5.2.3; not in Linux 6.1"),
    U(VIRTIO_BLK_F_ZONED, 17, "5.2.3; since Linux 6.3"),
    U(VIRTIO_BLK_Z_NONE, 0, "5.2.4; since Linux 6.3"),
    U(VIRTIO_BLK_Z_HM, 1, "5.2.4; since Linux 6.3"),
    U(VIRTIO_BLK_Z_HA, 2, "5.2.4; since Linux 6.3"),
    U(VIRTIO_BLK_SECTOR, 512, "5.2.6; a unit, not a constant of Linux's"),
    U(VIRTIO_BLK_T_GET_LIFETIME, 10, "5.2.6; not in Linux 6.1"),
    U(VIRTIO_BLK_T_SCSI_CMD_OUT, 3, "5.2.6; not in Linux 6.1"),
    U(VIRTIO_BLK_T_FLUSH_OUT, 5, "5.2.6; not in Linux 6.1"),
    U(VIRTIO_BLK_T_ZONE_APPEND, 15, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_T_ZONE_REPORT, 16, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_T_ZONE_OPEN, 18, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_T_ZONE_CLOSE, 20, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_T_ZONE_FINISH, 22, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_T_ZONE_RESET, 24, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_T_ZONE_RESET_ALL, 26, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_S_ZONE_INVALID_CMD, 3, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_S_ZONE_UNALIGNED_WP, 4, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_S_ZONE_OPEN_RESOURCE, 5, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE, 6, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZT_CONV, 1, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZT_SWR, 2, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZT_SWP, 3, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_NOT_WP, 0, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_EMPTY, 1, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_IOPEN, 2, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_EOPEN, 3, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_CLOSED, 4, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_RDONLY, 13, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_FULL, 14, "5.2.6; since Linux 6.3"),
    U(VIRTIO_BLK_ZS_OFFLINE, 15, "5.2.6; since Linux 6.3"),
#undef U
#define O(type, field, value, reason)                                                              \
    {                                                                                              \
        .name = #field, reason, offsetof(struct type, field), value                                \
    }
    O(virtio_pci_common_cfg, admin_queue_index, 60, "4.1.4.3; not in Linux 6.1"),
    O(virtio_pci_common_cfg, admin_queue_num, 62, "4.1.4.3; not in Linux 6.1"),
    O(virtio_blk_config, zone_sectors, 72, "5.2.4; since Linux 6.3"),
    O(virtio_blk_config, max_open_zones, 76, "5.2.4; since Linux 6.3"),
    O(virtio_blk_config, max_active_zones, 80, "5.2.4; since Linux 6.3"),
    O(virtio_blk_config, max_append_sectors, 84, "5.2.4; since Linux 6.3"),
    O(virtio_blk_config, write_granularity, 88, "5.2.4; since Linux 6.3"),
    O(virtio_blk_config, zoned_model, 92, "5.2.4; since Linux 6.3"),
    O(virtio_blk_config, unused2, 93, "5.2.4; since Linux 6.3"),
    O(virtio_blk_zone_descriptor, z_start, 8, "5.2.6; since Linux 6.3"),
    O(virtio_blk_zone_descriptor, z_wp, 16, "5.2.6; since Linux 6.3"),
    O(virtio_blk_zone_descriptor, z_type, 24, "5.2.6; since Linux 6.3"),
    O(virtio_blk_zone_descriptor, z_state, 25, "5.2.6; since Linux 6.3"),
#undef O
};

/* From here on the names are Linux's. */
#define virtio_pci_cap         linux_pci_cap
#define virtio_pci_notify_cap  linux_pci_notify_cap
#define virtio_pci_common_cfg  linux_pci_common_cfg
#define virtio_blk_config      linux_blk_config
#define virtio_console_config  linux_console_config
#define virtio_console_control linux_console_control
#define virtio_balloon_config  linux_balloon_config
#define virtio_balloon_stat    linux_balloon_stat
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

/* An offset of ours that Linux states as a number of its own keeps our struct on our side only. */
static const unsigned long long theirs[] = {
#define V(our, linux_name)                     (unsigned long long)(linux_name),
#define S(our, linux_name)                     sizeof(struct linux_name),
#define F(our, field, linux_name, linux_field) offsetof(struct linux_name, linux_field),
#include "tests/unit/support/spec_list.h"
#undef V
#undef S
#undef F
};

static void every_value_equals_linuxs(void **state)
{
    (void)state;
    assert_int_equal(sizeof(ours) / sizeof(ours[0]), sizeof(theirs) / sizeof(theirs[0]));
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (ours[i].value != theirs[i])
            fail_msg("%s is %llu, Linux says %llu", ours[i].name, ours[i].value, theirs[i]);
}

static void values_that_linux_lacks_are_the_specifications(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(unlisted) / sizeof(unlisted[0]); i++)
        if (unlisted[i].ours != unlisted[i].expected)
            fail_msg("%s is %llu, the specification says %llu (%s)", unlisted[i].name,
                     unlisted[i].ours, unlisted[i].expected, unlisted[i].where);
}

/* IMP-CORE-01: the status bits are what the specification numbers them. */
static void status_bits_are_distinct_single_bits(void **state)
{
    (void)state;
    assert_int_equal(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                         VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |
                         VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED |
                         VIRTIO_STATUS_SUSPEND,
                     1 + 2 + 4 + 8 + 16 + 64 + 128);
}

static bool is_compared(const char *name)
{
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (strcmp(ours[i].name, name) == 0)
            return true;
    for (size_t i = 0; i < sizeof(unlisted) / sizeof(unlisted[0]); i++)
        if (strcmp(unlisted[i].name, name) == 0)
            return true;
    return false;
}

/* Each "    VIRTIO_NAME = value" of spec.h: a constant added there has to be added to one of the lists here. */
static void every_constant_of_the_header_is_compared(void **state)
{
    FILE *header = fopen("virtio/spec.h", "r");
    char line[200];
    unsigned count = 0;

    (void)state;
    if (header == NULL)
        fail_msg("virtio/spec.h: not found; run this from the top of the tree");
    while (fgets(line, sizeof(line), header) != NULL) {
        char name[80];
        int end = 0;

        if (sscanf(line, " VIRT%70[A-Z0-9_] =%n", name, &end) != 1 || end == 0)
            continue;
        memmove(name + 4, name, strlen(name) + 1);
        memcpy(name, "VIRT", 4);
        if (!is_compared(name))
            fail_msg("%s of virtio/spec.h is compared with nothing", name);
        count++;
    }
    (void)fclose(header);
    assert_in_range(count, 100, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_equals_linuxs),
        cmocka_unit_test(values_that_linux_lacks_are_the_specifications),
        cmocka_unit_test(status_bits_are_distinct_single_bits),
        cmocka_unit_test(every_constant_of_the_header_is_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
