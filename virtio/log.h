/* SPDX-License-Identifier: BSD-2-Clause */
/* Text without a libc, for virtio/ and drivers/: bounded formatting, and log lines that name the device. */
#ifndef VIRTIO_LOG_H
#define VIRTIO_LOG_H

#include <stdarg.h>

#include "virtio/virtio.h"

/*
 * A bounded snprintf for %s, %c, %u, %x, %llu, %llx and %%, with zero padding and a width ("%04x"); anything else is
 * a bug of the caller and shows as '?'. Always terminates; cuts what does not fit. `size` is at least 1.
 */
void virtio_format(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void virtio_format_list(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* One line to env->log, with the device's name and type in front. */
void virtio_log(const struct virtio_device *dev, enum virtio_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

#endif
