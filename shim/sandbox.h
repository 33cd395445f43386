/* What keeps a process from having green threads. */
#ifndef GREEN_SANDBOX_H
#define GREEN_SANDBOX_H

/* Why it must stay native; NULL if it need not. Asked at arming. */
const char *sandbox_forbids(void);

#endif
