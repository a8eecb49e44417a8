/* SPDX-License-Identifier: BSD-2-Clause */
/* loader.conf: whatever is in it, the result is a pattern and a timeout that make sense. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/config_text.h"
#include "boot/loader_conf.h"
#include "tests/fuzz/support/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loader_conf conf;

    memset(&conf, 0xff, sizeof(conf));
    loader_conf_parse(&conf, "loader.conf", (const char *)data, size);
    CHECK(memchr(conf.preferred, '\0', sizeof(conf.preferred)) != NULL);
    CHECK(conf.timeout.mode == MENU_HIDDEN || conf.timeout.mode == MENU_TIMED ||
          conf.timeout.mode == MENU_FORCED || conf.timeout.mode == MENU_DISABLED);
    CHECK(conf.timeout.seconds <= MENU_SECONDS_MAX);
    CHECK((conf.timeout.mode == MENU_TIMED) == (conf.timeout.seconds > 0));
    (void)config_glob(conf.preferred, "6a9857a393724b7a981ebb5b8495b9ea-6.1.0-9-amd64.conf");
    return 0;
}
