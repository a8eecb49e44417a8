/* SPDX-License-Identifier: BSD-2-Clause */
/* Unified kernel images: the sections of UAPI.5, and os-release(5) for the name in the boot menu. */
#include "boot/uki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/entries.h"
#include "boot/error.h"
#include "boot/pe.h"

#define OS_RELEASE_MAX 16384u /* bytes that are looked at */
#define FIELD_MAX      128u   /* bytes of a field, terminator included */

/*
 * Looks for a section. What stands before the first ".profile" holds for all profiles; the sections of the first
 * profile, up to the next ".profile", come before them. "Multi-Profile UKIs".
 */
static int find_section(const struct pe *pe, const char *name, const struct source *file,
                        const struct pe_section **found, struct diag *diag)
{
    const struct pe_section *here = NULL;
    unsigned profiles = 0;

    *found = NULL;
    for (unsigned i = 0; i < pe->count && profiles < 2; i++) {
        const struct pe_section *section = &pe->section[i];

        if (strcmp(section->name, ".profile") == 0) {
            profiles++;
            here = NULL;
        } else if (strcmp(section->name, name) == 0) {
            if (here != NULL) {
                return diag_fail(diag, -BOOT_E_NOT_KERNEL,
                                 "%s: section %s is there twice; one is expected", file->name,
                                 name);
            }
            here = section;
            *found = section;
        }
    }
    return 0;
}

/* Makes `part` the section, named "<file> (<section>)". */
static int take_section(struct source *part, const struct source *file,
                        const struct pe_section *section, struct diag *diag)
{
    char name[sizeof(part->name)];

    snprintf(name, sizeof(name), "%.*s (%s)", (int)(sizeof(name) - PE_NAME_MAX - 3), file->name,
             section->name);
    return source_part(part, file, section->offset, section->size, name, diag);
}

int uki_read(struct uki *uki, const struct source *file, struct diag *diag)
{
    const struct {
        const char *name;
        struct source *part;
    } wanted[] = {
        {".linux", &uki->kernel},         {".initrd", &uki->initrd},    {".ucode", &uki->microcode},
        {".cmdline", &uki->command_line}, {".osrel", &uki->os_release}, {".uname", &uki->release},
    };
    struct pe *pe = malloc(sizeof(*pe));
    int error;

    *uki = (struct uki){0};
    if (pe == NULL) {
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "%s: no memory for its section table",
                         file->name);
    }
    error = pe_read(pe, file, diag);
    for (size_t i = 0; error == 0 && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        const struct pe_section *section;

        error = find_section(pe, wanted[i].name, file, &section, diag);
        if (error == 0 && section != NULL) {
            error = take_section(wanted[i].part, file, section, diag);
        }
    }
    free(pe);
    if (error == 0 && uki->kernel.size == 0) {
        error = diag_fail(diag, -BOOT_E_NEEDS_UEFI,
                          "%s: a UEFI program without a kernel in it (section .linux); boot it "
                          "under UEFI firmware, or install a unified kernel image",
                          file->name);
    }
    return error;
}

/* Control characters, line ends among them, become spaces; blanks at both ends go. */
static void tidy_line(char *text, size_t length)
{
    size_t start = 0;

    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20) {
            text[i] = ' ';
        }
    }
    while (length > 0 && text[length - 1] == ' ') {
        length--;
    }
    while (start < length && text[start] == ' ') {
        start++;
    }
    memmove(text, text + start, length - start);
    text[length - start] = '\0';
}

int uki_command_line(const struct uki *uki, char *buffer, struct diag *diag)
{
    const struct source *part = &uki->command_line;
    int error;

    buffer[0] = '\0';
    if (part->size == 0) {
        return 0;
    }
    if (part->size >= UKI_COMMAND_LINE_MAX) {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s: %llu bytes of command line; the limit is %u",
                         part->name, (unsigned long long)part->size, UKI_COMMAND_LINE_MAX - 1);
    }
    error = source_read(part, 0, buffer, (size_t)part->size, "command line", diag);
    if (error != 0) {
        buffer[0] = '\0';
        return error;
    }
    buffer[part->size] = '\0'; /* the text may end before, at the first NUL of a padding */
    tidy_line(buffer, strlen(buffer));
    return 0;
}

/* The value of an assignment of os-release(5), up to `end`: quotes go, backslashes give way to what follows. */
static void copy_value(char *field, const char *p, const char *end)
{
    char quote = '\0';
    size_t length = 0;

    for (; p < end && length < FIELD_MAX - 1; p++) {
        if (quote == '\0' && (*p == '"' || *p == '\'')) {
            quote = *p;
        } else if (quote != '\0' && *p == quote) {
            quote = '\0';
        } else {
            if (*p == '\\' && quote != '\'' && end - p > 1) {
                p++;
            }
            field[length++] = *p;
        }
    }
    field[length] = '\0';
}

/* Looks for the first of `names` (ended by NULL) that has a value in the os-release text; "" if none has. */
static void find_field(const char *text, const char *const *names, char *field)
{
    field[0] = '\0';
    for (; *names != NULL && field[0] == '\0'; names++) {
        const size_t length = strlen(*names);

        for (const char *line = text; *line != '\0';) {
            const char *end = line + strcspn(line, "\r\n");

            if (strncmp(line, *names, length) == 0 && line[length] == '=') {
                copy_value(field, line + length + 1, end);
            }
            line = end + strspn(end, "\r\n");
        }
    }
}

/* Reads the start of a part as a string; a part that is not there is "". The caller frees `*text`. */
static int read_text(const struct source *part, char **text, struct diag *diag)
{
    const size_t size = (size_t)(part->size < OS_RELEASE_MAX ? part->size : OS_RELEASE_MAX);
    int error = 0;

    *text = calloc(1, size + 1);
    if (*text == NULL) {
        return diag_fail(diag, -BOOT_E_NO_MEMORY, "%s: no memory for %zu bytes", part->name, size);
    }
    if (size > 0) {
        error = source_read(part, 0, *text, size, "text", diag);
    }
    return error;
}

int uki_entry(const struct uki *uki, const char *name, const char *path, struct boot_entry *entry,
              struct diag *diag)
{
    static const char *const titles[] = {"PRETTY_NAME", "NAME", "IMAGE_ID", "ID", NULL};
    static const char *const versions[] = {"IMAGE_VERSION", "VERSION_ID", "VERSION", "BUILD_ID",
                                           NULL};
    static const char *const sort_keys[] = {"IMAGE_ID", "ID", NULL};
    char title[FIELD_MAX];
    char version[FIELD_MAX];
    char sort_key[FIELD_MAX];
    char *os_release = NULL;
    char *release = NULL;
    int error;

    error = read_text(&uki->os_release, &os_release, diag);
    if (error == 0) {
        error = read_text(&uki->release, &release, diag);
    }
    if (error == 0) {
        find_field(os_release, titles, title);
        find_field(os_release, versions, version);
        find_field(os_release, sort_keys, sort_key);
        tidy_line(release, strlen(release));
        error = boot_entry_make(entry, name, path, title, version[0] != '\0' ? version : release,
                                sort_key, diag);
    }
    free(release);
    free(os_release);
    return error;
}
