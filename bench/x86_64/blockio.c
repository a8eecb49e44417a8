/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI application that reads the disk through the firmware's own interface, EFI_BLOCK_IO_PROTOCOL
 * ReadBlocks(), in loops between marker instructions (UEFI specification, 13.9).
 */
#include <efi.h>
#include <efilib.h>

#include "marker.h"

#define SECTOR 512u

static EFI_LBA next_sector = BENCH_FIRST_SECTOR;

/* With -kernel the firmware starts a program before it has bound its drivers to the disk. */
static void connect_all(void)
{
    EFI_HANDLE *handles = NULL;
    UINTN n = 0;

    if (EFI_ERROR(BS->LocateHandleBuffer(AllHandles, NULL, NULL, &n, &handles))) {
        return;
    }
    for (UINTN i = 0; i < n; i++) {
        BS->ConnectController(handles[i], NULL, NULL, TRUE); /* most handles are no controllers */
    }
    BS->FreePool(handles);
}

/* The whole disk, not a partition. NULL: there is none. */
static EFI_BLOCK_IO *find_disk(void)
{
    EFI_GUID guid = EFI_BLOCK_IO_PROTOCOL_GUID;
    EFI_HANDLE *handles = NULL;
    EFI_BLOCK_IO *found = NULL;
    UINTN n = 0;

    if (EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, &guid, NULL, &n, &handles))) {
        return NULL;
    }
    for (UINTN i = 0; i < n && !found; i++) {
        EFI_BLOCK_IO *bio = NULL;

        if (!EFI_ERROR(BS->HandleProtocol(handles[i], &guid, (void **)&bio)) &&
            bio->Media->MediaPresent && !bio->Media->LogicalPartition &&
            bio->Media->BlockSize == SECTOR) {
            found = bio;
        }
    }
    BS->FreePool(handles);
    return found;
}

/* Reads that follow each other on the disk, `bytes` each. */
static BOOLEAN read_loop(EFI_BLOCK_IO *bio, UINTN reads, UINTN bytes, void *buffer)
{
    UINT32 id = bio->Media->MediaId;

    while (reads--) {
        if (EFI_ERROR(bio->ReadBlocks(bio, id, next_sector, bytes, buffer))) {
            return FALSE;
        }
        next_sector += bytes / SECTOR;
    }
    return TRUE;
}

/* The buffer begins with the number of the first sector that was read last. */
static BOOLEAN check(const UINT32 *buffer, UINTN bytes)
{
    return *buffer == next_sector - bytes / SECTOR;
}

static BOOLEAN measure(EFI_BLOCK_IO *bio, void *buffer)
{
    BOOLEAN ok = read_loop(bio, 1, 4096, buffer);

    BENCH_MARKER(BENCH_BEGIN_4K);
    ok = read_loop(bio, BENCH_READS, 4096, buffer) && ok;
    BENCH_MARKER(BENCH_END_4K);
    ok = check(buffer, 4096) && ok;

    BENCH_MARKER(BENCH_BEGIN_64K);
    ok = read_loop(bio, BENCH_READS, 65536, buffer) && ok;
    BENCH_MARKER(BENCH_END_64K);
    ok = check(buffer, 65536) && ok;

    bench_test();
    return ok;
}

/* Called by GNU-EFI's start-up code, which is not UEFI's calling convention. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
    EFI_PHYSICAL_ADDRESS buffer = 0;
    EFI_BLOCK_IO *bio;

    InitializeLib(image, table);
    connect_all();
    bio = find_disk();
    if (!bio ||
        EFI_ERROR(BS->AllocatePages(AllocateAnyPages, EfiLoaderData, 65536 / 4096, &buffer)) ||
        !measure(bio, (void *)(UINTN)buffer)) {
        BENCH_MARKER(BENCH_FAILED);
        return EFI_DEVICE_ERROR;
    }
    BENCH_MARKER(BENCH_DONE);
    return EFI_SUCCESS;
}
