/* SPDX-License-Identifier: BSD-2-Clause */
/* The handoff: every virtio device at status 0, confirmed, before the OS gets the machine. */
#include "boot/handoff.h"

#include "boot/console.h"
#include "boot/devices.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/image.h"
#include "boot/memory.h"
#include "boot/platform.h"

static void report(const struct virtio_device *dev)
{
    console_line(VIRTIO_LOG_INFO, "handoff: %s %s: driver %s, reset in %llu us: %s", dev->name,
                 virtio_type_name(dev->id),
                 dev->last_driver != NULL ? dev->last_driver->name : "none",
                 (unsigned long long)(dev->reset_ns / 1000), virtio_state_name(dev->state));
    if (dev->state == VIRTIO_STUCK)
        console_line(VIRTIO_LOG_WARN,
                     "handoff: %s %s: bus mastering is off and its memory is reserved", dev->name,
                     virtio_type_name(dev->id));
}

struct ownership {
    const struct image *image;
    const char *what; /* the first part of the image that a device may write, or NULL */
};

static void look_for_image(void *ctx, const struct virtio_piece *piece)
{
    struct ownership *ownership = ctx;
    uint64_t base = (uintptr_t)piece->pointer;

    for (unsigned i = 0; i < ownership->image->ranges; i++) {
        const struct image_range *range = &ownership->image->range[i];

        if (base < range->base + range->size && range->base < base + piece->length)
            ownership->what = range->what;
    }
}

/* An OS is not entered while a device may still write into it. */
static int check_image(const struct devices *devices, const struct image *image, struct diag *diag)
{
    for (const struct virtio_device *dev = devices->bus.first; dev != NULL; dev = dev->next) {
        struct ownership ownership = {image, NULL};

        virtio_owned(dev, look_for_image, &ownership);
        if (ownership.what != NULL)
            return diag_fail(
                diag, -BOOT_E_STUCK,
                "%s %s did not complete its reset and may still write to the loaded %s", dev->name,
                virtio_type_name(dev->id), ownership.what);
    }
    return 0;
}

int handoff_devices(struct devices *devices, const struct image *image, bool strict,
                    struct diag *diag)
{
    unsigned stuck;
    int error;

    console_flush();
    console_detach();
    stuck = virtio_handoff(&devices->bus);
    for (const struct virtio_device *dev = devices->bus.first; dev != NULL; dev = dev->next)
        report(dev);
    if (stuck > 0 && strict)
        return diag_fail(
            diag, -BOOT_E_STUCK,
            "%u virtio device%s did not complete the reset, and handoff=strict forbids "
            "to boot then",
            stuck, stuck == 1 ? "" : "s");
    error = check_image(devices, image, diag);
    return error != 0 ? error : devices_quarantine(devices, diag);
}

int handoff_enter(const struct devices *devices, const struct image *image, struct diag *diag)
{
    int error = image_finish(image, devices->memory, diag);

    if (error != 0)
        return error;
    if (image->kind == IMAGE_PVH)
        platform_enter_pvh((uint32_t)image->entry, (uint32_t)image->boot_data);
    platform_enter_linux(image->entry, image->boot_data);
}
