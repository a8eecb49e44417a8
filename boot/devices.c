/* SPDX-License-Identifier: BSD-2-Clause */
/* Every virtio function of the machine, and the memory that driving one of them takes. */
#include "boot/devices.h"

#include <stdlib.h>

#include "boot/console.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/memory.h"
#include "boot/platform.h"
#include "boot/settings.h"
#include "virtio/deadlines.h"

enum {
    FUNCTIONS_MAX = 1024,
    QUEUE_ENTRIES = 256, /* what memory is set aside for; a device may have fewer */
    PAGE = 4096,
};

#define DMA_END 0x100000000ull /* below 4 GiB, which every machine can reach */

/* ---- The environment of a device ---- */

static uint64_t now_ns(void *ctx)
{
    (void)ctx;
    return platform_now_ns();
}

static void relax(void *ctx)
{
    (void)ctx;
    platform_relax();
}

static void log_line(void *ctx, enum virtio_level level, const char *message)
{
    (void)ctx;
    console_line(level, "virtio: %s", message);
}

static void init_env(struct virtio_env *env, const struct settings *settings)
{
    env->now_ns = now_ns;
    env->relax = relax;
    env->log = log_line;
    env->deadlines.reset_ns = settings->reset_ms * VIRTIO_MILLISECOND;
    env->deadlines.blk_ns = settings->blk_ms * VIRTIO_MILLISECOND;
    env->deadlines.console_ns = settings->console_ms * VIRTIO_MILLISECOND;
}

/* Memory for a driver; it stays with the device until the OS is entered. */
static int give_memory(struct devices *devices, struct boot_device *device,
                       const struct virtio_driver *driver)
{
    struct virtio_env *env = &device->env;
    size_t dma, priv;

    if (env->dma != NULL)
        return 0;
    virtio_memory_needed(&device->virtio, driver, QUEUE_ENTRIES, &dma, &priv);
    dma = (dma + PAGE - 1) & ~(size_t)(PAGE - 1);
    if (env->priv == NULL)
        env->priv = calloc(1, priv);
    if (env->priv == NULL)
        return -VIRTIO_E_NO_MEMORY;
    env->dma_bus = memory_alloc(devices->memory, dma, PAGE, 0, DMA_END, MEMORY_SLATE);
    env->dma = env->dma_bus != 0 ? memory_pointer(env->dma_bus, dma) : NULL;
    if (env->dma == NULL)
        return -VIRTIO_E_NO_MEMORY;
    env->dma_len = dma;
    env->priv_len = priv;
    return 0;
}

static int claim(struct devices *devices, struct boot_device *device,
                 const struct virtio_driver *driver, void *state)
{
    int error = give_memory(devices, device, driver);

    return error != 0 ? error : virtio_claim(&devices->bus, &device->virtio, driver, state);
}

/* ---- Discovery ---- */

static void report(const struct virtio_device *dev)
{
    const char *found = dev->found_status == 0                               ? "idle"
                        : (dev->found_status & VIRTIO_STATUS_DRIVER_OK) != 0 ? "LIVE"
                                                                             : "in use";

    if (!dev->reachable)
        console_line(VIRTIO_LOG_INFO, "virtio: %s %s: cannot be reached", dev->name,
                     virtio_type_name(dev->id));
    else
        console_line(VIRTIO_LOG_INFO,
                     "virtio: %s %s: found %s (status 0x%02x), reset in %llu us: %s%s", dev->name,
                     virtio_type_name(dev->id), found, dev->found_status,
                     (unsigned long long)(dev->reset_ns / 1000), virtio_state_name(dev->state),
                     dev->legacy ? " (legacy interface only: not driven)" : "");
}

static int add(struct devices *devices, const struct pci_function *function,
               const struct settings *settings)
{
    struct boot_device *device = calloc(1, sizeof(*device));

    if (device == NULL)
        return -BOOT_E_NO_MEMORY;
    device->pci = *function;
    pci_map_bars(&device->pci);
    init_env(&device->env, settings);
    if (virtio_pci_init(&device->virtio, device->pci.name, &pci_virtio_io, &device->pci,
                        &device->env) != 0) {
        free(device);
        return 0; /* another vendor, or no virtio function */
    }
    devices->device[devices->count++] = device;
    (void)virtio_discover(&devices->bus, &device->virtio); /* the outcome is the device's state */
    report(&device->virtio);
    return 0;
}

int devices_discover(struct devices *devices, const struct acpi *acpi, struct memory_map *memory,
                     const struct settings *settings, struct diag *diag)
{
    struct pci_function *functions = calloc(FUNCTIONS_MAX, sizeof(*functions));
    int count, error = 0;

    *devices = (struct devices){.memory = memory};
    if (functions == NULL)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory for the list of PCI functions");
    pci_init(&devices->pci, acpi);
    count = pci_scan(&devices->pci, functions, FUNCTIONS_MAX, diag);
    if (count < 0) {
        free(functions);
        return count;
    }
    devices->device = calloc((size_t)count + 1, sizeof(struct boot_device *));
    if (devices->device == NULL)
        error = -BOOT_E_NO_MEMORY;
    for (int i = 0; i < count && error == 0; i++)
        if (functions[i].vendor == VIRTIO_PCI_VENDOR)
            error = add(devices, &functions[i], settings);
    free(functions);
    if (error != 0)
        return diag_fail(diag, error, "no memory for the list of virtio devices");
    return 0;
}

/* ---- Claiming ---- */

void devices_claim_consoles(struct devices *devices)
{
    for (unsigned i = 0; i < devices->count; i++) {
        struct boot_device *device = devices->device[i];

        if (device->virtio.id == VIRTIO_ID_CONSOLE &&
            claim(devices, device, &virtio_console_driver, &device->driver.console) == 0)
            console_add(&device->driver.console);
    }
}

int devices_claim_disk(struct devices *devices, struct boot_device *device, struct diag *diag)
{
    struct virtio_device *dev = &device->virtio;
    int error;

    if (dev->state == VIRTIO_LIVE)
        return 0;
    if (dev->state == VIRTIO_STUCK)
        return diag_fail(diag, -BOOT_E_STUCK, "it did not complete its reset when it was found");
    if (dev->legacy)
        return diag_fail(diag, -BOOT_E_PLATFORM,
                         "it has only the legacy interface; leave disable-modern=on out");
    error = claim(devices, device, &virtio_blk_driver, &device->driver.blk);
    if (error != 0)
        return diag_fail(diag, boot_error_of(error), "it cannot be used: %s",
                         virtio_error_text(error));
    return 0;
}

/* ---- Quarantine ---- */

struct quarantine {
    struct memory_map *memory;
    struct diag *diag;
    int error;
};

static void quarantine_piece(void *ctx, const struct virtio_piece *piece)
{
    struct quarantine *quarantine = ctx;
    uint64_t first = (uintptr_t)piece->pointer & ~(uint64_t)(PAGE - 1);
    uint64_t end = ((uintptr_t)piece->pointer + piece->length + PAGE - 1) & ~(uint64_t)(PAGE - 1);

    if (quarantine->error == 0)
        quarantine->error = memory_mark(quarantine->memory, first, end - first, MEMORY_QUARANTINE,
                                        quarantine->diag);
}

int devices_quarantine(struct devices *devices, struct diag *diag)
{
    struct quarantine quarantine = {devices->memory, diag, 0};

    for (const struct virtio_device *dev = devices->bus.first; dev != NULL; dev = dev->next)
        virtio_owned(dev, quarantine_piece, &quarantine);
    return quarantine.error;
}
