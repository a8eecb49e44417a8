/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user asks for, by fw_cfg files and on the command line: the keys, their values, and where they are read. */
#include "boot/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "boot/diag.h"
#include "boot/error.h"
#include "boot/platform.h"

#define FILES_PREFIX "opt/slate/"
#define WORD_PREFIX  "slate."
#define FILES_MAX    32u
#define DEADLINE_MAX 3600000u /* ms: an hour */
#define INDEX_MAX    1000u

/* One value on its way into the settings; `text` is in settings->text. */
struct value {
    struct settings *settings;
    enum settings_origin origin;
    char *text;
    size_t length;
    struct diag *diag;
};

/* ---- Values of each kind ---------------------------------------------------------------------------------------- */

static int set_text(void *field, const struct value *value)
{
    *(const char **)field = value->text;
    return 0;
}

static int bad(const struct value *value, const char *expected)
{
    return diag_fail(value->diag, -BOOT_E_CONFIG, "found \"%s\"; expected %s", value->text,
                     expected);
}

/* A decimal number of digits only; strtoul() stays at its largest value when there are too many. */
static bool parse_number(const char *text, unsigned long max, unsigned long *number)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || text[digits] != '\0') {
        return false;
    }
    *number = strtoul(text, NULL, 10);
    return *number <= max;
}

static int set_deadline(void *field, const struct value *value)
{
    unsigned long ms;

    if (!parse_number(value->text, DEADLINE_MAX, &ms) || ms == 0) {
        return bad(value, "milliseconds: a number from 1 to 3600000");
    }
    *(uint32_t *)field = (uint32_t)ms;
    return 0;
}

static int set_timeout(void *field, const struct value *value)
{
    value->settings->timeout_set = true;
    return menu_timeout_parse(field, value->text, value->diag);
}

static int set_handoff(void *field, const struct value *value)
{
    bool *strict = field;

    *strict = strcmp(value->text, "strict") == 0;
    return *strict || strcmp(value->text, "default") == 0 ? 0
                                                          : bad(value, "\"strict\" or \"default\"");
}

static int set_log(void *field, const struct value *value)
{
    static const char *const names[] = {
        [VIRTIO_LOG_ERROR] = "error",
        [VIRTIO_LOG_WARN] = "warn",
        [VIRTIO_LOG_INFO] = "info",
        [VIRTIO_LOG_DEBUG] = "debug",
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value->text, names[i]) == 0) {
            *(enum virtio_level *)field = (enum virtio_level)i;
            return 0;
        }
    }
    return bad(value, "\"error\", \"warn\", \"info\" or \"debug\"");
}

/* 1 to 4 hexadecimal digits up to `max`, then `end`; moves *text behind it. */
static bool parse_hex(const char **text, unsigned max, char end, unsigned *number)
{
    const char *p = *text;

    *number = 0;
    for (; isxdigit((unsigned char)*p) && p - *text < 4; p++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, tolower((unsigned char)*p));

        *number = *number * 16 + (unsigned)(digit - digits);
    }
    if (p == *text || *p != end || *number > max) {
        return false;
    }
    *text = p + (end != '\0' ? 1 : 0);
    return true;
}

/* An index, or [segment:]bus:device.function as the console shows it. */
static int set_disk(void *field, const struct value *value)
{
    struct settings_disk *disk = field;
    const char *text = value->text;
    const char *colon = strchr(text, ':');
    unsigned segment = 0, bus, device, function;
    unsigned long index;

    if (parse_number(text, INDEX_MAX, &index)) {
        *disk = (struct settings_disk){.by = SETTINGS_DISK_INDEX, .index = (unsigned)index};
        return 0;
    }
    bool has_segment = colon != NULL && strchr(colon + 1, ':') != NULL;

    if ((has_segment && !parse_hex(&text, 0xffff, ':', &segment)) ||
        !parse_hex(&text, 0xff, ':', &bus) || !parse_hex(&text, 31, '.', &device) ||
        !parse_hex(&text, 7, '\0', &function)) {
        return bad(value, "a PCI address such as 00:03.0, or an index from 0");
    }
    *disk = (struct settings_disk){
        .by = SETTINGS_DISK_ADDRESS,
        .segment = (uint16_t)segment,
        .bus = (uint8_t)bus,
        .device = (uint8_t)device,
        .function = (uint8_t)function,
    };
    return 0;
}

/* One path a line. The first value from the command line replaces what files said; further ones add to it. */
static int set_initrd(void *field, const struct value *value)
{
    struct settings *settings = value->settings;
    const char **initrd = field;
    char *rest = NULL;

    if (value->origin == SETTINGS_FROM_FILE || settings->initrd_origin != value->origin) {
        settings->initrds = 0;
        settings->initrd_origin = value->origin;
    }
    for (char *path = strtok_r(value->text, "\r\n", &rest); path != NULL;
         path = strtok_r(NULL, "\r\n", &rest)) {
        if (settings->initrds == SETTINGS_INITRDS_MAX) {
            return diag_fail(value->diag, -BOOT_E_CONFIG, "there are more than %u paths",
                             SETTINGS_INITRDS_MAX);
        }
        initrd[settings->initrds++] = path;
    }
    return 0;
}

/* ---- The table -------------------------------------------------------------------------------------------------- */

struct key {
    const char *name;
    int (*set)(void *field, const struct value *value);
    size_t field;
};

#define FIELD(name) offsetof(struct settings, name)

static const struct key keys[] = {
    {"entry", set_text, FIELD(entry)},
    {"timeout", set_timeout, FIELD(timeout)},
    {"disk", set_disk, FIELD(disk)},
    {"linux", set_text, FIELD(linux_path)},
    {"initrd", set_initrd, FIELD(initrd)},
    {"options", set_text, FIELD(options)},
    {"append", set_text, FIELD(append)},
    {"handoff", set_handoff, FIELD(strict)},
    {"log", set_log, FIELD(log)},
    {"deadline.reset", set_deadline, FIELD(reset_ms)},
    {"deadline.blk", set_deadline, FIELD(blk_ms)},
    {"deadline.console", set_deadline, FIELD(console_ms)},
};

static const struct key *find_key(const char *name)
{
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

static const char *prefix_of(enum settings_origin origin)
{
    return origin == SETTINGS_FROM_FILE ? FILES_PREFIX : WORD_PREFIX;
}

void settings_default(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    settings->entry = "";
    settings->linux_path = "";
    settings->options = "";
    settings->append = "";
    settings->log = VIRTIO_LOG_INFO;
}

/* Copies the value, without blanks around it, into settings->text. NULL: it does not fit, or has a NUL in it. */
static char *keep_text(struct settings *settings, const char *value, size_t length)
{
    while (length > 0 && isspace((unsigned char)value[length - 1])) {
        length--;
    }
    while (length > 0 && isspace((unsigned char)value[0])) {
        value++;
        length--;
    }
    if (length >= sizeof(settings->text) - settings->text_used ||
        memchr(value, '\0', length) != NULL) {
        return NULL;
    }
    char *text = settings->text + settings->text_used;

    memcpy(text, value, length);
    text[length] = '\0';
    settings->text_used += length + 1;
    return text;
}

int settings_set(struct settings *settings, enum settings_origin origin, const char *key,
                 const char *value, size_t length, struct diag *diag)
{
    const struct key *known = find_key(key);
    const char *prefix = prefix_of(origin);

    if (known == NULL) {
        diag_note("there is no setting \"%s\": %s%s is ignored", key, prefix, key);
        return 0;
    }
    char *text = keep_text(settings, value, length);

    if (text == NULL) {
        return diag_fail(diag, -BOOT_E_CONFIG,
                         "%s%s: the value contains a NUL, or all settings together are longer "
                         "than %u bytes",
                         prefix, key, SETTINGS_TEXT_MAX);
    }
    const struct value v = {settings, origin, text, strlen(text), diag};
    int error = known->set((char *)settings + known->field, &v);

    return error != 0 ? diag_prefix(diag, "%s%s", prefix, key) : 0;
}

/* ---- The command line ------------------------------------------------------------------------------------------- */

/*
 * Copies the word at *line to `word`, quotes resolved, and moves *line behind it. Returns its length, or a negated
 * error.
 */
static int next_word(const char **line, char *word, size_t size, struct diag *diag)
{
    size_t length = 0;
    bool quoted = false;

    for (; **line != '\0' && (quoted || !isspace((unsigned char)**line)); (*line)++) {
        if (**line == '"') {
            quoted = !quoted;
            continue;
        }
        if (**line == '\\' && (*line)[1] != '\0') {
            (*line)++;
        }
        if (length + 1 == size) {
            return diag_fail(diag, -BOOT_E_CONFIG,
                             "the command line has a word of more than %u bytes",
                             (unsigned)size - 1);
        }
        word[length++] = **line;
    }
    word[length] = '\0';
    if (quoted) {
        return diag_fail(diag, -BOOT_E_CONFIG,
                         "the command line has a quote that is not closed: %s", word);
    }
    return (int)length;
}

static int use_word(struct settings *settings, char *word, struct diag *diag)
{
    if (strncmp(word, WORD_PREFIX, strlen(WORD_PREFIX)) != 0) {
        diag_note("\"%s\" on the command line is not for Slate and is ignored; "
                  "slate.append=\"...\" passes options to the OS",
                  word);
        return 0;
    }
    char *key = word + strlen(WORD_PREFIX);
    char *equals = strchr(key, '=');

    if (equals == NULL) {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s has no value; write %s=<value>", word, word);
    }
    *equals = '\0';
    return settings_set(settings, SETTINGS_FROM_COMMAND_LINE, key, equals + 1, strlen(equals + 1),
                        diag);
}

int settings_command_line(struct settings *settings, const char *line, struct diag *diag)
{
    char word[SETTINGS_VALUE_MAX + 1];

    for (;;) {
        while (isspace((unsigned char)*line)) {
            line++;
        }
        if (*line == '\0') {
            return 0;
        }
        int length = next_word(&line, word, sizeof(word), diag);
        int error = length > 0 ? use_word(settings, word, diag) : length;

        if (error < 0) {
            return error;
        }
    }
}

/* ---- Files ------------------------------------------------------------------------------------------------------ */

static int use_file(struct settings *settings, const struct platform_file *file, struct diag *diag)
{
    char value[SETTINGS_VALUE_MAX];

    if (file->size > sizeof(value)) {
        return diag_fail(diag, -BOOT_E_CONFIG, "%s has %u bytes; at most %u can be used",
                         file->name, (unsigned)file->size, SETTINGS_VALUE_MAX);
    }
    size_t length = platform_file_read(file, value, sizeof(value));

    return settings_set(settings, SETTINGS_FROM_FILE, file->name + strlen(FILES_PREFIX), value,
                        length, diag);
}

int settings_files(struct settings *settings, struct diag *diag)
{
    struct platform_file files[FILES_MAX];
    unsigned count = platform_files(FILES_PREFIX, files, FILES_MAX);

    if (count > FILES_MAX) {
        diag_note("there are %u files %s*: those after the first %u are ignored", count,
                  FILES_PREFIX, FILES_MAX);
        count = FILES_MAX;
    }
    for (unsigned i = 0; i < count; i++) {
        int error = use_file(settings, &files[i], diag);

        if (error != 0) {
            return error;
        }
    }
    return 0;
}
