/* What keeps a process from having green threads. */
#ifndef GREEN_SANDBOX_H
#define GREEN_SANDBOX_H

#include <stdbool.h>

/* Why it must stay native; NULL if it need not. Asked at arming. */
const char *sandbox_forbids(void);

/* Does it work? Tried in a child where a filter may kill for it. */
bool sandbox_lets(bool (*try)(void));

#endif
