/* SPDX-License-Identifier: BSD-2-Clause */
/* A hostile kernel file in a guest: nothing outside the listed ranges is written, and a failure costs nothing. */
#include "tests/fuzz/support/load_image.h"

#include <stdbool.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/image.h"
#include "boot/source.h"
#include "tests/fuzz/support/check.h"
#include "tests/unit/support/guest_memory.h"

#define MIB (1ull << 20)

/* A small guest, with or without memory above 4 GiB, with or without something in the way. */
static void open_guest(uint8_t shape)
{
    guest_memory_open((18 + shape % 4 * 2) * MIB, (shape & 4) != 0 ? 4 * MIB : 0);
    if ((shape & 8) != 0) {
        CHECK(memory_claim(&guest_map, 16 * MIB, 4096, MEMORY_SLATE) == 0);
    }
    if ((shape & 16) != 0) {
        guest_mapped_end = 17 * MIB;
    }
}

static bool same_map(const struct memory_map *a, const struct memory_map *b)
{
    return a->count == b->count && memcmp(a->range, b->range, a->count * sizeof(a->range[0])) == 0;
}

/* Whether an address is inside what was loaded. */
static bool is_loaded(const struct image *image, uint64_t address)
{
    for (unsigned i = 0; i < image->ranges; i++) {
        if (address >= image->range[i].base &&
            address - image->range[i].base < image->range[i].size) {
            return true;
        }
    }
    return false;
}

/* The listed ranges and the loaded memory of the map are the same number of bytes; ranges do not overlap in a map. */
static void check_ranges(const struct image *image)
{
    uint64_t listed = 0;
    uint64_t loaded = 0;

    CHECK(image->ranges > 0 && image->ranges <= IMAGE_RANGES_MAX);
    for (unsigned i = 0; i < image->ranges; i++) {
        CHECK(image->range[i].base % 4096 == 0 && image->range[i].size % 4096 == 0);
        CHECK(image->range[i].size > 0 && image->range[i].what != NULL);
        listed += image->range[i].size;
    }
    for (unsigned i = 0; i < guest_map.count; i++) {
        loaded += guest_map.range[i].type == MEMORY_LOADED ? guest_map.range[i].size : 0;
    }
    CHECK(listed == loaded);
}

void fuzz_load_image(const uint8_t *data, size_t size)
{
    static struct memory_map before;
    static struct image image;
    struct diag diag = {0};
    struct source kernel;
    struct source initrd[2];
    int result;

    source_memory(&kernel, data, size, "kernel");
    source_memory(&initrd[0], "abcde", 5, "one");
    source_memory(&initrd[1], data, size, "two");
    open_guest(size > 0 ? data[size - 1] : 0);
    before = guest_map;
    const struct image_request request = {&kernel, initrd, 2, NULL, "console=ttyS0"};
    const struct image_env env = {&guest_map, 0xf0000, NULL, NULL};

    result = image_load(&image, &request, &env, &diag);
    if (result != 0) {
        CHECK(result == diag.error && result < -BOOT_E_FIRST && diag.text[0] != '\0');
        CHECK(image.ranges == 0 && same_map(&guest_map, &before));
        return;
    }
    check_ranges(&image);
    CHECK(is_loaded(&image, image.entry) && is_loaded(&image, image.boot_data));
    CHECK(image.entry < (1ull << 32) && image.boot_data < (1ull << 32));
    CHECK(image_finish(&image, &guest_map, &diag) == 0);
    CHECK(guest_memory_untouched());
    image_release(&image, &guest_map);
    CHECK(same_map(&guest_map, &before));
}
