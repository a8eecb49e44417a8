/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, sentences and log lines of the core, without a libc. */
#include "virtio/internal.h"

static const struct {
    const char *name, *text;
} errors[] = {{"NONE", "no error"},
#define X(name, text) {#name, text},
              VIRTIO_ERRORS(X)
#undef X
};

static bool known(int error)
{
    return error <= 0 && error > -(int)(sizeof(errors) / sizeof(errors[0]));
}

const char *virtio_error_name(int error)
{
    return known(error) ? errors[-error].name : "UNKNOWN";
}

const char *virtio_error_text(int error)
{
    return known(error) ? errors[-error].text : "unknown error";
}

const char *virtio_type_name(uint32_t id)
{
    switch (id) {
    case VIRTIO_ID_NET:
        return "net";
    case VIRTIO_ID_BLOCK:
        return "blk";
    case VIRTIO_ID_CONSOLE:
        return "console";
    case VIRTIO_ID_ENTROPY:
        return "rng";
    case VIRTIO_ID_BALLOON:
        return "balloon";
    case VIRTIO_ID_RPMSG:
        return "rpmsg";
    case VIRTIO_ID_SCSI:
        return "scsi";
    case VIRTIO_ID_9P:
        return "9p";
    case VIRTIO_ID_GPU:
        return "gpu";
    case VIRTIO_ID_INPUT:
        return "input";
    case VIRTIO_ID_SOCKET:
        return "vsock";
    case VIRTIO_ID_CRYPTO:
        return "crypto";
    case VIRTIO_ID_IOMMU:
        return "iommu";
    case VIRTIO_ID_MEM:
        return "mem";
    case VIRTIO_ID_SOUND:
        return "sound";
    case VIRTIO_ID_FS:
        return "fs";
    case VIRTIO_ID_PMEM:
        return "pmem";
    default:
        return "unknown";
    }
}

const char *virtio_state_name(enum virtio_state state)
{
    static const char *const names[] = {"FOUND", "CLEAN", "SETUP", "LIVE", "STUCK"};

    return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

/* Where formatted text goes: a buffer that is always terminated and never overrun. */
struct sink {
    char *at, *last;
};

static void put(struct sink *sink, char c)
{
    if (sink->at < sink->last)
        *sink->at++ = c;
}

static void put_number(struct sink *sink, uint64_t value, unsigned radix, unsigned width, char pad)
{
    char digits[20];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[value % radix];
        value /= radix;
    } while (value != 0);
    for (; width > count; width--)
        put(sink, pad);
    while (count > 0)
        put(sink, digits[--count]);
}

void virtio_format_list(char *text, size_t size, const char *format, va_list arguments)
{
    struct sink sink = {text, text + size - 1};

    for (; *format != '\0'; format++) {
        char pad = ' ';
        unsigned width = 0;
        bool wide = false;

        if (*format != '%') {
            put(&sink, *format);
            continue;
        }
        format++;
        if (*format == '0')
            pad = *format++;
        while (*format >= '0' && *format <= '9')
            width = width * 10 + (unsigned)(*format++ - '0');
        while (*format == 'l') {
            wide = true;
            format++;
        }
        switch (*format) {
        case 's':
            for (const char *s = va_arg(arguments, const char *); *s != '\0'; s++)
                put(&sink, *s);
            break;
        case 'c':
            put(&sink, (char)va_arg(arguments, int));
            break;
        case 'u':
        case 'x':
            put_number(&sink,
                       wide ? va_arg(arguments, unsigned long long) : va_arg(arguments, unsigned),
                       *format == 'x' ? 16 : 10, width, pad);
            break;
        case '%':
            put(&sink, '%');
            break;
        default:
            put(&sink, '?');
            goto done; /* it may be the terminator */
        }
    }
done:
    *sink.at = '\0';
}

void virtio_format(char *text, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    virtio_format_list(text, size, format, arguments);
    va_end(arguments);
}

void virtio_log(const struct virtio_device *dev, enum virtio_level level, const char *format, ...)
{
    char line[200];
    size_t used = 0;
    va_list arguments;

    if (dev->env->log == NULL)
        return;
    virtio_format(line, sizeof(line), "%s %s: ", dev->name, virtio_type_name(dev->id));
    while (line[used] != '\0')
        used++;
    va_start(arguments, format);
    virtio_format_list(line + used, sizeof(line) - used, format, arguments);
    va_end(arguments);
    dev->env->log(dev->env->ctx, level, line);
}
