/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and exit values of errors, whichever layer they come from. */
#include "boot/error.h"

#include <stddef.h>

#include "virtio/virtio.h"

static const struct {
    const char *name;
    int exit;
} errors[] = {
#define X(name, exit, text) {#name, (exit)},
    BOOT_ERRORS(X)
#undef X
};

/* The index of a negated boot error, or -1 for one that is the virtio core's. */
static int index_of(int error)
{
    int index = -error - BOOT_E_FIRST - 1;

    return index >= 0 && (size_t)index < sizeof(errors) / sizeof(errors[0]) ? index : -1;
}

const char *boot_error_name(int error)
{
    int index = index_of(error);

    return index >= 0 ? errors[index].name : virtio_error_name(error);
}

int boot_error_of(int error)
{
    if (index_of(error) >= 0)
        return error;
    switch (-error) {
    case VIRTIO_E_IO:
        return -BOOT_E_IO;
    case VIRTIO_E_TIMEOUT:
        return -BOOT_E_TIMEOUT;
    case VIRTIO_E_STUCK:
    case VIRTIO_E_UNREACHABLE:
        return -BOOT_E_STUCK;
    case VIRTIO_E_NO_MEMORY:
        return -BOOT_E_NO_MEMORY;
    default:
        return -BOOT_E_DEVICE;
    }
}

int boot_error_exit(int error)
{
    return errors[index_of(boot_error_of(error))].exit;
}
