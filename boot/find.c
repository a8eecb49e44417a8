/* SPDX-License-Identifier: BSD-2-Clause */
/* From the virtio disks to a loaded OS image. */
#include "boot/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_disk.h"
#include "boot/console.h"
#include "boot/devices.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/image.h"
#include "boot/platform.h"
#include "boot/settings.h"
#include "boot/source.h"
#include "boot/virtio_disk.h"

#define PROGRESS_NS 1000000000ull /* between two lines about a long load */

/* What stays the same from disk to disk. */
struct search {
    struct devices *devices;
    const struct settings *settings;
    struct image_env env;
    struct image *image;
    bool chosen;             /* an entry was chosen: no other disk is tried */
    uint64_t started, spoke; /* ns */
};

/* The files of one boot, on one volume. */
struct files {
    struct fat_file file[1 + BOOT_ENTRY_INITRDS_MAX];
    struct source source[1 + BOOT_ENTRY_INITRDS_MAX]; /* the kernel, then the initrds */
    unsigned count;
};

/* ---- Loading ---- */

static void progress(void *ctx, const char *name, uint64_t done, uint64_t total)
{
    struct search *search = ctx;
    uint64_t now = platform_now_ns();

    if (now - search->spoke < PROGRESS_NS)
        return;
    search->spoke = now;
    console_line(VIRTIO_LOG_INFO, "load: %s: %llu of %llu KiB", name,
                 (unsigned long long)(done >> 10), (unsigned long long)(total >> 10));
}

static int open_file(struct files *files, struct fat *fat, const char *path, struct diag *diag)
{
    struct fat_file *file = &files->file[files->count];
    int error = fat_open(fat, path, file, diag);

    if (error != 0)
        return error;
    fat_source(&files->source[files->count++], file);
    return 0;
}

static void report_load(const struct search *search, const struct files *files,
                        const struct virtio_blk *blk)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < files->count; i++)
        bytes += files->source[i].size;
    console_line(
        VIRTIO_LOG_INFO, "load: %llu KiB in %llu ms; %llu requests and %llu kicks to the disk",
        (unsigned long long)(bytes >> 10),
        (unsigned long long)((platform_now_ns() - search->started) / 1000000),
        (unsigned long long)blk->requests, (unsigned long long)virtqueue_counts(blk->queue)->kicks);
}

static int load_files(struct search *search, struct fat *fat, const char *kernel,
                      const char *const *initrds, unsigned count, const char *options,
                      const struct virtio_blk *blk, struct diag *diag)
{
    struct files *files = calloc(1, sizeof(*files));
    struct image_request request = {
        .options = options,
        .append = search->settings->append,
        .initrds = count,
    };
    int error;

    if (files == NULL)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory to load %s", kernel);
    error = open_file(files, fat, kernel, diag);
    for (unsigned i = 0; i < count && error == 0; i++)
        error = open_file(files, fat, initrds[i], diag);
    if (error == 0) {
        request.kernel = &files->source[0];
        request.initrd = &files->source[1];
        for (unsigned i = 0; i < files->count; i++)
            console_line(VIRTIO_LOG_INFO, "load: %s, %llu KiB", files->source[i].name,
                         (unsigned long long)(files->source[i].size >> 10));
        search->spoke = platform_now_ns();
        error = image_load(search->image, &request, &search->env, diag);
        if (error == 0)
            report_load(search, files, blk);
    }
    for (unsigned i = 0; i < files->count; i++)
        fat_close(&files->file[i]);
    free(files);
    return error;
}

/* ---- Choosing ---- */

/* The kernel that the settings name, on the first volume that has it. */
static int load_named(struct search *search, struct boot_disk *boot, const struct virtio_blk *blk,
                      struct diag *diag)
{
    const struct settings *settings = search->settings;
    struct fat_entry *found = malloc(sizeof(*found));
    int error = -BOOT_E_NO_MEMORY;

    if (found == NULL)
        return diag_fail(diag, error, "no memory to find %s", settings->linux_path);
    for (unsigned i = 0; i < boot->volumes; i++) {
        struct fat *fat = &boot->volume[i]->fat;

        error = fat_find(fat, settings->linux_path, found, diag);
        if (error == -BOOT_E_NOT_FOUND)
            continue;
        if (error == 0) {
            search->chosen = true;
            error = load_files(search, fat, settings->linux_path, settings->initrd,
                               settings->initrds, settings->options, blk, diag);
        }
        break;
    }
    free(found);
    return error;
}

static int load_entry(struct search *search, struct boot_disk *boot, const struct virtio_blk *blk,
                      struct diag *diag)
{
    const struct settings *settings = search->settings;
    const struct menu_timeout *timeout =
        settings->timeout_set ? &settings->timeout : &boot->conf.timeout;
    const struct boot_entry *entry;
    char label[BOOT_ENTRY_LABEL_MAX];
    unsigned index;
    int error = boot_disk_entries(boot, diag);

    if (error == 0)
        error = boot_entries_default(&boot->entries, settings->entry, boot->conf.preferred, &index,
                                     diag);
    if (error != 0)
        return error;
    /* Whoever names an entry has chosen. */
    if (settings->entry[0] == '\0')
        index = menu_choose(&console_menu_io, &boot->entries, index, timeout);
    search->chosen = true;
    search->started = platform_now_ns();
    entry = &boot->entries.entry[index];
    boot_entries_label(&boot->entries, index, 79, label);
    console_line(VIRTIO_LOG_INFO, "boot: %s", label);
    error = load_files(search, &boot->volume[entry->volume]->fat, entry->kernel, entry->initrd,
                       entry->initrds, entry->options, blk, diag);
    return error != 0 ? diag_prefix(diag, "entry %s", entry->id) : 0;
}

/* ---- Disks ---- */

/* A disk while it is searched. */
struct open_disk {
    struct virtio_disk disk;
    struct boot_disk boot;
};

static int search_disk(struct search *search, struct open_disk *open, struct virtio_blk *blk,
                       struct diag *diag)
{
    int error = boot_disk_open(&open->boot, &open->disk.disk, diag);

    if (error != 0)
        return error;
    return search->settings->linux_path[0] != '\0' ? load_named(search, &open->boot, blk, diag)
                                                   : load_entry(search, &open->boot, blk, diag);
}

static int try_disk(struct search *search, struct boot_device *device, struct diag *diag)
{
    struct virtio_blk *blk = &device->driver.blk;
    struct open_disk *open;
    int error = devices_claim_disk(search->devices, device, diag);

    if (error != 0)
        return error;
    console_line(VIRTIO_LOG_INFO, "disk %s: %llu MiB, blocks of %u bytes%s", device->virtio.name,
                 (unsigned long long)(blk->sectors >> 11), (unsigned)blk->block_size,
                 blk->read_only ? ", read-only" : "");
    open = calloc(1, sizeof(*open));
    if (open == NULL)
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "no memory to read it");
    search->started = platform_now_ns();
    error = virtio_disk_open(&open->disk, blk, diag);
    if (error == 0)
        error = search_disk(search, open, blk, diag);
    boot_disk_close(&open->boot);
    disk_close(&open->disk.disk);
    free(open);
    return error;
}

static bool is_wanted(const struct settings_disk *wanted, const struct boot_device *device,
                      unsigned index)
{
    const struct pci_address *address = &device->pci.address;

    switch (wanted->by) {
    case SETTINGS_DISK_INDEX:
        return wanted->index == index;
    case SETTINGS_DISK_ADDRESS:
        return wanted->segment == address->segment && wanted->bus == address->bus &&
               wanted->device == address->device && wanted->function == address->function;
    default:
        return true;
    }
}

/* What is wrong with the disk itself is said with its name already; what is wrong with a file on it is not. */
static void name_disk(struct diag *failure, const struct boot_device *device)
{
    char name[48];
    int length = snprintf(name, sizeof(name), "disk %s:", device->virtio.name);

    if (strncmp(failure->text, name, (size_t)length) != 0)
        (void)diag_prefix(failure, "disk %s", device->virtio.name);
}

int find_image(struct devices *devices, const struct settings *settings, unsigned long long rsdp,
               struct image *image, struct diag *diag)
{
    struct search search = {
        .devices = devices,
        .settings = settings,
        .image = image,
        .env = {.map = devices->memory, .rsdp = rsdp, .progress = progress},
    };
    unsigned index = 0;

    search.env.ctx = &search;
    for (unsigned i = 0; i < devices->count; i++) {
        struct boot_device *device = devices->device[i];
        struct diag failure = {0};

        if (device->virtio.id != VIRTIO_ID_BLOCK || !is_wanted(&settings->disk, device, index++))
            continue;
        if (try_disk(&search, device, &failure) == 0)
            return 0;
        name_disk(&failure, device);
        /* Memory that it was read to may still change: nothing else is loaded after a disk that got STUCK in use. */
        if (search.chosen ||
            (device->virtio.state == VIRTIO_STUCK && device->virtio.last_driver != NULL)) {
            *diag = failure;
            return diag->error;
        }
        if (diag->error != 0)
            diag_note("%s", failure.text);
        else
            *diag = failure;
    }
    if (diag->error != 0)
        return diag->error;
    if (settings->disk.by != SETTINGS_DISK_ANY)
        return diag_fail(diag, -BOOT_E_NO_DISK,
                         "the disk that the settings name is not among the %u virtio disks", index);
    return diag_fail(diag, -BOOT_E_NO_DISK,
                     "no virtio disk among the %u virtio devices; add -device virtio-blk-pci",
                     devices->count);
}
