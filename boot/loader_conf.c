/* SPDX-License-Identifier: BSD-2-Clause */
/* /loader/loader.conf: which entry is the default and how long the menu waits. See loader.conf(5). */
#include "boot/loader_conf.h"

#include <string.h>

#include "boot/config_text.h"
#include "boot/diag.h"

static void read_default(struct loader_conf *conf, const char *name, const char *value)
{
    /* "@saved" asks for a UEFI variable with what was booted last. */
    if (value[0] == '@') {
        diag_note("%s: 'default %s' needs UEFI variables; ignored", name, value);
        return;
    }
    memcpy(conf->preferred, value, strlen(value) + 1);
}

static void read_timeout(struct loader_conf *conf, const char *name, const char *value)
{
    struct diag diag = {0};

    if (menu_timeout_parse(&conf->timeout, value, &diag) != 0) {
        diag_note("%s: %s; ignored", name, diag.text);
    }
}

void loader_conf_parse(struct loader_conf *conf, const char *name, const char *text, size_t size)
{
    struct config_text position;
    struct config_line line;

    *conf = (struct loader_conf){.timeout = {.mode = MENU_HIDDEN}};
    if (size > LOADER_CONF_FILE_MAX || (size > 0 && memchr(text, '\0', size) != NULL)) {
        diag_note("%s: not a text of at most %u bytes; ignored", name, LOADER_CONF_FILE_MAX);
        return;
    }
    config_text_start(&position, text, size);
    while (config_text_next(&position, &line)) {
        char value[LOADER_CONF_PATTERN_MAX];
        const bool is_default = config_line_is(&line, "default");

        if (line.value_length == 0 || (!is_default && !config_line_is(&line, "timeout"))) {
            continue;
        }
        if (line.value_length >= sizeof(value)) {
            diag_note("%s: line %u: the value has %zu bytes, the limit is %u; ignored", name,
                      line.number, line.value_length, LOADER_CONF_PATTERN_MAX - 1);
            continue;
        }
        memcpy(value, line.value, line.value_length);
        value[line.value_length] = '\0';
        if (is_default) {
            read_default(conf, name, value);
        } else {
            read_timeout(conf, name, value);
        }
    }
}
