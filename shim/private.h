/* Opening a library that is ours alone, whatever the program has loaded or will load. */
#ifndef GREEN_PRIVATE_H
#define GREEN_PRIVATE_H

/* dlopen of a private copy of the library `name`; NULL when there is none. On an ordinary libc context. */
void *private_dlopen(const char *name);

#endif
