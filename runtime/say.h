/* One line on stderr, by a raw write. */
#ifndef GREEN_SAY_H
#define GREEN_SAY_H

#include <stdbool.h>

/* %d int, %u unsigned, %l unsigned long, %x unsigned long in hex, %s string. "libgreen: " in front, a newline behind.
 */
void say(const char *format, ...);
void say_to(int fd, const char *format, ...);

/* A daemon closes its stderr, and the number is somebody else's then: after say_begin() (at start) nothing is said to
 * any other file than the one that was there. */
void say_begin(void);
bool say_heard(void);

#endif
