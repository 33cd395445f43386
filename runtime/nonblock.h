/*
 * O_NONBLOCK of a socket, remembered, so that not each wait has to ask for it. It belongs to the description: whoever
 * has that may change it. So it is remembered of what this process made and no other has been given, until the program
 * changes any description's flags.
 */
#ifndef GREEN_NONBLOCK_H
#define GREEN_NONBLOCK_H

#include "poller.h"

/* Around the call that makes a socket, whose number it answers. */
uint64_t nonblock_before_birth(void);
void nonblock_born(int fd, uint64_t before);

void nonblock_shared(void);  /* another process has, or is about to have, what is open now */
void nonblock_changed(void); /* after a call that may have changed flags */

bool nonblocking(struct fd *e, int fd);

#endif
