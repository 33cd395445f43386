/* The monitor: a kernel thread that rescues hubs whose carrier computes or blocks where nobody can see it. */
#ifndef GREEN_MONITOR_H
#define GREEN_MONITOR_H

#include "base.h"

struct hub;

int monitor_start(void);
/* Around a hub's sleep in the poller: the monitor sleeps while every hub does. */
void carrier_hub_idle(struct hub *h, bool idle);

#endif
