/* POSIX timers: whom they signal, and how often they did while nobody took it. */
#ifndef GREEN_TIMER_H
#define GREEN_TIMER_H

#include "signal.h"

int timer_target(const struct ksiginfo *info); /* the tid that a timer's signal is for; 0: the process */
bool timer_same(const struct ksiginfo *a, const struct ksiginfo *b);
void timer_overrun(struct ksiginfo *queued, const struct ksiginfo *more);
void timer_taken(const struct ksiginfo *info);
void timers_reset_in_child(void);

#endif
