/* What every model needs: a spin lock, and the atomic instructions of the wake word and of flags. */
#ifndef PRIM_H
#define PRIM_H

#define NOBODY 255

#define lock(l) atomic { (l) == 0 -> l = 1 }
#define unlock(l) l = 0
#define fetch_or(was, word, bits) atomic { was = word; word = word | (bits) }
#define xchg(was, word, value) atomic { was = word; word = value }

/* The wake word (park.pml proves it). */
#define PARKED 1
#define EVENT 2
#define TIMEOUT 4
#define SIGNAL 8

#endif
