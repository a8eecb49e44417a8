/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory disk: lazily filled mappings behind struct disk. */
#include "tests/unit/support/memory_disk.h"

#include "boot/diag.h"
#include "boot/error.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The test itself is wrong, or the code above broke the contract: neither may go unseen. */
static void require(int condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "memory disk: %s\n", what);
        abort();
    }
}

static void copy_out(const struct memory_disk *md, uint64_t offset, uint8_t *to, uint64_t length)
{
    if (md->background)
        md->background(md, offset, to, length);
    else
        memset(to, 0, length);
    for (unsigned i = 0; i < md->extents; i++) {
        const struct memory_extent *e = &md->extent[i];
        uint64_t start = e->offset > offset ? e->offset : offset;
        uint64_t end =
            e->offset + e->size < offset + length ? e->offset + e->size : offset + length;

        if (start < end)
            memcpy(to + (start - offset), e->data + (start - e->offset), end - start);
    }
}

static int read_blocks(struct disk *disk, const struct disk_piece *pieces, unsigned count,
                       struct diag *diag)
{
    struct memory_disk *md = (struct memory_disk *)disk;

    require(count != 0, "a read without pieces");
    md->calls++;
    for (unsigned i = 0; i < count; i++) {
        const struct disk_piece *p = &pieces[i];

        require(p->length != 0, "an empty piece");
        require(p->offset % disk->block_size == 0, "a piece that does not start at a block");
        require(p->length % disk->block_size == 0, "a piece that is not whole blocks");
        require(p->offset <= disk->size && p->length <= disk->size - p->offset,
                "a piece outside the disk");
        md->pieces++;
        md->bytes += p->length;
        if (p->offset < md->bad_end && p->offset + p->length > md->bad_start)
            return diag_fail(diag, md->bad_error, "%s: injected error at byte %llu", disk->name,
                             (unsigned long long)p->offset);
        copy_out(md, p->offset, p->buffer, p->length);
    }
    return 0;
}

void memory_disk_reopen(struct memory_disk *md)
{
    struct diag diag = {0};

    disk_close(&md->disk);
    require(disk_open(&md->disk, &diag) == 0, diag.text);
    md->calls = 0;
    md->pieces = 0;
    md->bytes = 0;
}

void memory_disk_open_sparse(struct memory_disk *md, uint64_t size, uint32_t block_size)
{
    memset(md, 0, sizeof(*md));
    md->disk = (struct disk){
        .name = "disk", .block_size = block_size, .size = size, .read_blocks = read_blocks};
    memory_disk_reopen(md);
}

uint8_t *memory_disk_add(struct memory_disk *md, uint64_t offset, uint64_t size)
{
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    require(data != MAP_FAILED, "no memory");
    memory_disk_lay(md, offset, size, data);
    md->extent[md->extents - 1].owned = 1;
    return data;
}

void memory_disk_lay(struct memory_disk *md, uint64_t offset, uint64_t size, uint8_t *data)
{
    require(md->extents < MEMORY_DISK_EXTENTS, "too many extents");
    md->extent[md->extents++] = (struct memory_extent){offset, size, data, 0};
}

void memory_disk_open(struct memory_disk *md, uint64_t size, uint32_t block_size)
{
    memory_disk_open_sparse(md, size, block_size);
    if (size != 0)
        memory_disk_add(md, 0, size);
}

void memory_disk_open_file(struct memory_disk *md, const char *path, uint32_t block_size)
{
    int fd = open(path, O_RDONLY);
    struct stat status;

    require(fd >= 0 && fstat(fd, &status) == 0, "the file cannot be opened");
    uint64_t size = (uint64_t)status.st_size;
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    require(data != MAP_FAILED, "the file cannot be mapped");
    (void)close(fd);
    memory_disk_open_sparse(md, size - size % block_size, block_size);
    memory_disk_lay(md, 0, size, data);
    md->extent[0].owned = 1;
}

uint8_t *memory_disk_at(struct memory_disk *md, uint64_t offset)
{
    for (unsigned i = 0; i < md->extents; i++) {
        const struct memory_extent *e = &md->extent[i];

        if (offset >= e->offset && offset - e->offset < e->size)
            return e->data + (offset - e->offset);
    }
    require(0, "no contents at this offset");
    return NULL;
}

void memory_disk_close(struct memory_disk *md)
{
    disk_close(&md->disk);
    for (unsigned i = 0; i < md->extents; i++) {
        if (md->extent[i].owned)
            (void)munmap(md->extent[i].data, md->extent[i].size);
    }
    memset(md, 0, sizeof(*md));
}
