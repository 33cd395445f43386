/*
 * Several hubs: who runs where. A thread stays with the hub that it ran on last, but
 *
 *	- an idle hub steals from one that does not get through its queue;
 *	- threads that hand something over to each other, a lock say, gather on one hub;
 *	- one that comes back from a carrier without a hub goes to an idle hub;
 *	- while they are gathered (gather.h) all go to the first hub when they are woken.
 *
 * All of it only where hubs_several() says so: with one hub the order of switches is the program's own.
 */
#ifndef GREEN_BALANCE_H
#define GREEN_BALANCE_H

#include "hub.h"

void balance_help(struct hub *h); /* by its owner at a switch: others may be needed to get through the queue */
void balance_look(struct hub *h); /* by the monitor: its owner may not come to it */
struct hub *balance_home(const struct thread *t); /* where it is to go on */
bool balance_steal(struct hub *h); /* in its scheduler context, with nothing to do: true if it has by now */

void balance_wakes(struct thread *t); /* the running thread wakes t, by a futex, and has claimed it */
void balance_parks(struct thread *t); /* t is about to park */
void balance_rejoins(struct thread *t);

#endif
