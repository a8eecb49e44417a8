/* SPDX-License-Identifier: BSD-2-Clause */
/* Slate, from its first line to the OS: read the settings, discover, claim, load, hand over, enter. */
#include "boot/console.h"
#include "boot/devices.h"
#include "boot/diag.h"
#include "boot/error.h"
#include "boot/find.h"
#include "boot/handoff.h"
#include "boot/image.h"
#include "boot/platform.h"
#include "boot/settings.h"

static struct settings settings;
static struct devices devices;
static struct image image;

static int read_settings(const struct platform_start *start, struct diag *diag)
{
    int error;

    settings_default(&settings);
    error = settings_files(&settings, diag);
    if (error == 0)
        error = settings_command_line(&settings, start->command_line, diag);
    console_set_level(settings.log);
    return error;
}

static void banner(const struct platform_start *start)
{
    console_line(VIRTIO_LOG_INFO, "Slate %s (%s): %llu MiB of memory free, clock %llu MHz from %s",
                 SLATE_VERSION, SLATE_ARCH,
                 (unsigned long long)(memory_usable(start->memory) >> 20),
                 (unsigned long long)(start->clock_hz / 1000000), start->clock_source);
}

/* Also after bad settings, so that a boot which ends there leaves no device running either. */
static int discover(const struct platform_start *start, int settings_error, struct diag *diag)
{
    struct diag other = {0};
    int error = devices_discover(&devices, start->acpi, start->memory, &settings,
                                 settings_error != 0 ? &other : diag);

    return settings_error != 0 ? settings_error : error;
}

static int load(const struct platform_start *start, struct diag *diag)
{
    devices_claim_consoles(&devices);
    return find_image(&devices, &settings, start->rsdp, &image, diag);
}

static void report(const struct diag *diag, int error)
{
    console_line(VIRTIO_LOG_ERROR, "slate: error: %s [%s]", diag->text, boot_error_name(error));
}

/* Nothing will be booted, and nobody gets a live device all the same. */
static void give_back(void)
{
    console_flush();
    console_detach();
    (void)virtio_handoff(&devices.bus); /* said in the log */
}

_Noreturn void boot_main(const struct platform_start *start)
{
    struct diag diag = {0};
    int error = read_settings(start, &diag);

    banner(start);
    error = discover(start, error, &diag);
    if (error == 0)
        error = load(start, &diag);
    if (error != 0) {
        report(&diag, error);
        give_back();
        platform_exit(boot_error_exit(error));
    }
    error = handoff_devices(&devices, &image, settings.strict, &diag);
    if (error == 0)
        error = handoff_enter(&devices, &image, &diag);
    report(&diag, error); /* on the UART: devices are not touched any more */
    platform_exit(boot_error_exit(error));
}
