/* Arming: from a process with one thread and no trace of us to green threads. */
#ifndef GREEN_ARM_H
#define GREEN_ARM_H

void arm_on_first_thread(void);

#endif
