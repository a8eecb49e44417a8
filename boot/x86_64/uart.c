/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550 UART at port 0x3f8, polled: the console that works before and after every virtio device. */
#include "boot/platform.h"
#include "boot/x86_64/cpu.h"
#include "boot/x86_64/x86.h"

enum uart_port {
    UART_DATA = 0x3f8,
    UART_INTERRUPTS = UART_DATA + 1,
    UART_FIFO = UART_DATA + 2,
    UART_LINE_CONTROL = UART_DATA + 3,
    UART_MODEM_CONTROL = UART_DATA + 4,
    UART_LINE_STATUS = UART_DATA + 5,
    UART_SCRATCH = UART_DATA + 7,
};

#define LINE_8N1            0x03u
#define LINE_DIVISOR        0x80u
#define FIFO_ENABLE_CLEAR   0x07u
#define MODEM_DTR_RTS       0x03u
#define STATUS_DATA_READY   0x01u
#define STATUS_HOLDER_EMPTY 0x20u
#define STATUS_ALL_SENT     0x40u

/* At the microsecond or so that a port read takes this is a second: the clock may not be set up yet. */
#define WAIT_READS 1000000u

static bool present;

static bool scratch_holds(uint8_t value)
{
    x86_out8(UART_SCRATCH, value);
    return x86_in8(UART_SCRATCH) == value;
}

void x86_uart_init(void)
{
    present = scratch_holds(0x5a) && scratch_holds(0xa5);
    if (!present) {
        return;
    }
    x86_out8(UART_INTERRUPTS, 0);
    x86_out8(UART_LINE_CONTROL, LINE_DIVISOR | LINE_8N1);
    x86_out8(UART_DATA, 1); /* 115200 baud */
    x86_out8(UART_INTERRUPTS, 0);
    x86_out8(UART_LINE_CONTROL, LINE_8N1);
    x86_out8(UART_FIFO, FIFO_ENABLE_CLEAR);
    x86_out8(UART_MODEM_CONTROL, MODEM_DTR_RTS);
}

bool platform_has_uart(void)
{
    return present;
}

static bool wait_for(uint8_t status)
{
    for (unsigned i = 0; i < WAIT_READS; i++) {
        if ((x86_in8(UART_LINE_STATUS) & status) != 0) {
            return true;
        }
        x86_pause();
    }
    return false;
}

static void put(uint8_t byte)
{
    if (present && !wait_for(STATUS_HOLDER_EMPTY)) {
        present = false; /* one second lost is enough */
    }
    if (present) {
        x86_out8(UART_DATA, byte);
    }
}

void platform_write(const char *text, size_t length)
{
    static char latest;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' && latest != '\r') {
            put('\r');
        }
        put((uint8_t)text[i]);
        latest = text[i];
    }
}

int platform_read(void)
{
    if (!present || (x86_in8(UART_LINE_STATUS) & STATUS_DATA_READY) == 0) {
        return -1;
    }
    return x86_in8(UART_DATA);
}

void x86_uart_drain(void)
{
    if (present) {
        (void)wait_for(STATUS_ALL_SENT);
    }
}
