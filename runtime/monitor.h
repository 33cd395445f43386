/* The monitor: a kernel thread that rescues hubs whose carrier computes or blocks where nobody can see it. */
#ifndef GREEN_MONITOR_H
#define GREEN_MONITOR_H

#include "base.h"

struct hub;

void monitor_hub_begins(void); /* one more, which is awake */
int monitor_start(void);
extern bool monitor_runs;
/* Around a hub's sleep in the poller: the monitor sleeps while every hub does. */
void carrier_hub_idle(bool idle);

/* Are there any? */
bool monitor_hubs_idle(void);

#endif
