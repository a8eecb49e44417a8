/* SPDX-License-Identifier: BSD-2-Clause */
/* The chapters of the referee, each of which looks at an access: called by referee.c alone. */
#ifndef LAUNCHER_JUDGE_H
#define LAUNCHER_JUDGE_H

#include "launcher/referee.h"

/* judge_status.c: the status register and the order of a device's life (2.1, 3.1, 3.4). */
void launcher_judge_status(struct launcher_referee *referee, const struct launcher_access *access);
/* judge_features.c: one feature word at a time (2.2, 6), and the choice as a whole. */
void launcher_judge_features(struct launcher_referee *referee,
                             const struct launcher_access *access);
void launcher_judge_choice(struct launcher_referee *referee);
/* judge_queue.c: setting queues up (2.6, 4.1.4.3, 4.2.2, 4.2.4). */
void launcher_judge_queue(struct launcher_referee *referee, const struct launcher_access *access);
/* judge_notify.c: notifications (2.9, 4.1.5.2, 4.2.3.3). */
void launcher_judge_notify(struct launcher_referee *referee, const struct launcher_access *access);
/* judge_config.c: the device configuration (2.5). */
void launcher_judge_config(struct launcher_referee *referee, const struct launcher_access *access);
/* The first notification of a life. */
void launcher_judge_config_first_use(struct launcher_referee *referee);
/* The driver goes on to something else: what it read has to be consistent by now. */
void launcher_judge_config_used(struct launcher_referee *referee);
/* judge_pci.c, judge_mmio.c: what a transport demands of each access. */
void launcher_judge_pci(struct launcher_referee *referee, const struct launcher_access *access);
/* The access of a field of `natural` bytes: `ok` if it has its width and alignment. */
void launcher_judge_pci_width(struct launcher_referee *referee,
                              const struct launcher_access *access, unsigned natural, bool ok);
void launcher_judge_mmio(struct launcher_referee *referee, const struct launcher_access *access);

static inline bool launcher_referee_is_pci(const struct launcher_referee *referee)
{
    return referee->front == LAUNCHER_PCI || referee->front == LAUNCHER_PCI_TRANSITIONAL ||
           referee->front == LAUNCHER_PCI_LEGACY;
}

static inline bool launcher_referee_is_mmio(const struct launcher_referee *referee)
{
    return referee->front == LAUNCHER_MMIO || referee->front == LAUNCHER_MMIO_LEGACY;
}

static inline bool launcher_referee_accepted(const struct launcher_referee *referee, unsigned bit)
{
    return (referee->life.accepted >> bit & 1) != 0;
}

/* Whether the register belongs to the queue that is selected. */
static inline bool launcher_referee_is_per_queue(enum launcher_register reg)
{
    return (reg >= LAUNCHER_REG_QUEUE_MAX && reg <= LAUNCHER_REG_QUEUE_RESET) ||
           reg == LAUNCHER_REG_QUEUE_PFN || reg == LAUNCHER_REG_QUEUE_ALIGN;
}

/* What is known of a queue; NULL: no queue can have that index. */
struct launcher_referee_queue *launcher_referee_queue(struct launcher_referee *referee,
                                                      uint32_t index);

#endif
