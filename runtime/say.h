/* One line on stderr, by a raw write. */
#ifndef GREEN_SAY_H
#define GREEN_SAY_H

/* %d int, %u unsigned, %l unsigned long, %x unsigned long in hex, %s string. "libgreen: " in front, a newline behind.
 */
void say(const char *format, ...);
void say_to(int fd, const char *format, ...);

#endif
