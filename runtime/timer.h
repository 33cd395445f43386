/* POSIX timers that signal one thread. */
#ifndef GREEN_TIMER_H
#define GREEN_TIMER_H

#include "signal.h"
#include "thread.h"

/* The thread that a timer's signal is for; NULL: the process, or no timer's signal. */
int timer_target(const struct ksiginfo *info);
void timers_reset_in_child(void);

#endif
