/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory of a descriptor page (page.h): which field a byte belongs to, and what its register would have seen. */
#include "launcher/page_fields.h"

#include "launcher/front.h"
#include "launcher/model.h"

#define FIELD(name)       offsetof(struct launcher_page_descriptor, name)
#define QUEUE_FIELD(name) offsetof(struct launcher_page_queue, name)

enum {
    HEADER = sizeof(struct launcher_page_descriptor),
    QUEUE = sizeof(struct launcher_page_queue),
};

/* Bytes of one meaning that stand together, as offsets into the page. */
struct field {
    unsigned start, length;
    enum launcher_register reg;
    unsigned queue; /* that it is about */
};

static struct field header_field(unsigned offset, unsigned in)
{
    struct field field = {.start = offset, .length = 1};

    if (in == FIELD(type))
        field.reg = LAUNCHER_REG_DEVICE_ID;
    else if (in == FIELD(queues))
        field.reg = LAUNCHER_REG_NUM_QUEUES;
    else if (in == FIELD(status))
        field.reg = LAUNCHER_REG_STATUS;
    return field; /* the lengths are no register of any transport */
}

static struct field queue_field(unsigned first, unsigned offset)
{
    unsigned queue = (offset - first) / QUEUE, in = (offset - first) % QUEUE, start = offset - in;

    if (in >= QUEUE_FIELD(page))
        return (struct field){start + QUEUE_FIELD(page), 4, LAUNCHER_REG_QUEUE_PFN, queue};
    if (in >= QUEUE_FIELD(irq))
        return (struct field){start + QUEUE_FIELD(irq), 2, LAUNCHER_REG_QUEUE_VECTOR, queue};
    return (struct field){start, 2, LAUNCHER_REG_QUEUE_SIZE, queue};
}

static struct field field_at(const struct launcher_descriptor *own, unsigned offset)
{
    unsigned features = own->accepted - own->offered;

    if (offset < own->start + HEADER)
        return header_field(offset, offset - own->start);
    if (offset < own->offered)
        return queue_field(own->start + HEADER, offset);
    if (offset < own->accepted)
        return (struct field){own->offered, features, LAUNCHER_REG_DEVICE_FEATURE, 0};
    if (offset < own->config)
        return (struct field){own->accepted, features, LAUNCHER_REG_DRIVER_FEATURE, 0};
    return (struct field){own->config, own->end - own->config, LAUNCHER_REG_CONFIG, 0};
}

static struct launcher_descriptor *find(const struct launcher_page *page, uint64_t offset)
{
    for (struct launcher_descriptor *own = page->first; own != NULL; own = own->next)
        if (offset >= own->start && offset < own->end)
            return own;
    return NULL;
}

/* Numbers of the bus itself stand in the guest's byte order as well; features are single bytes. */
static uint32_t in_order(const struct launcher_device *dev, const struct field *field,
                         uint32_t value)
{
    if (field->reg == LAUNCHER_REG_QUEUE_PFN)
        return launcher_guest32(dev, value);
    if (field->reg == LAUNCHER_REG_QUEUE_SIZE || field->reg == LAUNCHER_REG_QUEUE_VECTOR)
        return launcher_guest16(dev, (uint16_t)value);
    return value;
}

/* Any field but the configuration, as a whole. */
static uint32_t value_of(const struct launcher_descriptor *own, const struct field *field)
{
    struct launcher_device *dev = own->dev;
    const struct launcher_queue *queue = &dev->queues[field->queue];

    switch (field->reg) {
    case LAUNCHER_REG_DEVICE_ID:
        return dev->options.type;
    case LAUNCHER_REG_NUM_QUEUES:
        return dev->queue_count;
    case LAUNCHER_REG_STATUS:
        return launcher_get_status(dev);
    case LAUNCHER_REG_QUEUE_SIZE:
        return queue->size;
    case LAUNCHER_REG_QUEUE_VECTOR:
        return queue->vector;
    case LAUNCHER_REG_QUEUE_PFN:
        return queue->pfn;
    case LAUNCHER_REG_DEVICE_FEATURE:
        return (uint32_t)dev->offered;
    case LAUNCHER_REG_DRIVER_FEATURE:
        return (uint32_t)dev->accepted;
    default:
        return field->start - own->start == FIELD(feature_bytes) ? own->accepted - own->offered
                                                                 : own->end - own->config;
    }
}

/*
 * The same as an access of a register. Memory has no natural width, and no selectors: which queue it is, the referee is told
 * as if the driver had selected it.
 */
static struct launcher_access access_of(struct launcher_device *dev, const struct field *field,
                                        bool write, uint32_t value)
{
    struct launcher_access access = {
        .reg = LAUNCHER_REG_QUEUE_SELECT,
        .write = true,
        .readable = true,
        .writable = true,
        .width = 2,
        .region = LAUNCHER_PAGE_REGION,
        .offset = field->start,
        .value = field->queue,
    };

    if (field->reg == LAUNCHER_REG_QUEUE_SIZE || field->reg == LAUNCHER_REG_QUEUE_PFN)
        launcher_judge_access(&dev->referee, &access);
    access.reg = field->reg;
    access.write = write;
    access.width = (uint8_t)field->length;
    access.value = value;
    return access;
}

/* ---- Reads ---- */

static uint32_t read_config(struct launcher_device *dev, unsigned offset, unsigned width)
{
    struct launcher_access access = launcher_decode_config(dev->model->fields, offset, width);

    access.natural = 0;
    return launcher_carry_out(dev, &access);
}

static uint32_t read_field(const struct launcher_descriptor *own, const struct field *field,
                           unsigned at, unsigned width)
{
    struct launcher_access access;
    uint32_t value;

    if (field->reg == LAUNCHER_REG_CONFIG)
        return read_config(own->dev, at - field->start, width);
    value = value_of(own, field);
    if (field->reg != LAUNCHER_REG_NONE) {
        access = access_of(own->dev, field, false, value);
        launcher_observe(own->dev, &access);
    }
    return in_order(own->dev, field, value) >> 8 * (at - field->start);
}

static uint32_t low_bytes(uint32_t value, unsigned width)
{
    return width < 4 ? value & ((1u << 8 * width) - 1) : value;
}

/* How many bytes of [at, end) belong to the field. */
static unsigned within(const struct field *field, unsigned at, unsigned end)
{
    unsigned last = field->start + field->length;

    return (end < last ? end : last) - at;
}

uint32_t launcher_page_load(const struct launcher_page *page, unsigned offset, unsigned width)
{
    unsigned end = offset + width, done;
    uint32_t value = 0;

    for (unsigned at = offset; at < end; at += done) {
        const struct launcher_descriptor *own = find(page, at);
        struct field field;

        done = 1;
        if (own == NULL) /* behind the last descriptor: type 0 */
            continue;
        field = field_at(own, at);
        done = within(&field, at, end);
        value |= low_bytes(read_field(own, &field, at, done), done) << 8 * (at - offset);
    }
    return value;
}

/* ---- Writes ---- */

static void write_config(struct launcher_device *dev, unsigned offset, unsigned width,
                         uint32_t value)
{
    struct launcher_access access = launcher_decode_config(dev->model->fields, offset, width);

    access.write = true;
    access.natural = 0;
    access.value = value;
    (void)launcher_carry_out(dev, &access);
}

/* A byte of memory like any other: 0 in it is no reset, and loses bits. */
static void write_status(struct launcher_device *dev, struct launcher_access *access)
{
    if (access->value != 0) {
        (void)launcher_carry_out(dev, access);
        return;
    }
    launcher_history_access(&dev->history, access);
    LAUNCHER_JUDGE(&dev->referee, "DRV-STATUS-02", dev->status == 0,
                   "status 0x%02x was overwritten with 0; only a notify of the descriptor resets "
                   "the device",
                   dev->status);
    if (!dev->reset_pending)
        dev->status = 0;
}

static void write_field(const struct launcher_descriptor *own, const struct field *field,
                        unsigned at, unsigned width, uint32_t value)
{
    struct launcher_device *dev = own->dev;
    unsigned shift = 8 * (at - field->start);
    struct launcher_access access;

    if (field->reg == LAUNCHER_REG_CONFIG) {
        write_config(dev, at - field->start, width, value);
        return;
    }
    if (field->reg != LAUNCHER_REG_STATUS) { /* other bytes of the field stay */
        uint32_t mask = low_bytes(UINT32_MAX, width) << shift;

        uint32_t old = in_order(dev, field, value_of(own, field));

        value = in_order(dev, field, (old & ~mask) | (value << shift & mask));
    }
    access = access_of(dev, field, true, value);
    switch (field->reg) {
    case LAUNCHER_REG_STATUS:
        write_status(dev, &access);
        break;
    case LAUNCHER_REG_DRIVER_FEATURE:
        (void)launcher_carry_out(dev, &access);
        break;
    case LAUNCHER_REG_QUEUE_PFN:
        launcher_observe(dev, &access);
        launcher_page_place(dev, &dev->queues[field->queue], value);
        break;
    default:
        launcher_history_note(
            &dev->history, "a write of byte %u of the descriptor, which is the device's: ignored",
            at - own->start);
    }
}

void launcher_page_store(const struct launcher_page *page, unsigned offset, unsigned width,
                         uint32_t value)
{
    unsigned end = offset + width, done;

    for (unsigned at = offset; at < end; at += done) {
        const struct launcher_descriptor *own = find(page, at);
        struct field field;

        done = 1;
        if (own == NULL)
            continue;
        field = field_at(own, at);
        done = within(&field, at, end);
        write_field(own, &field, at, done, low_bytes(value >> 8 * (at - offset), done));
    }
}
