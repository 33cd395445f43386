/* What an epoll of the program's watches: learnt from the kernel, so that a thread in epoll_wait can watch the same. */
#ifndef GREEN_EPOLL_SET_H
#define GREEN_EPOLL_SET_H

#include "list.h"
#include "spin.h"
#include "thread.h"

#define EPOLL_SET_MAX 8

struct epoll_members {
	bool itself; /* too many, or not to be told by their numbers: watch the epoll's own fd */
	uint8_t count;
	int fd[EPOLL_SET_MAX];
	uint32_t gen[EPOLL_SET_MAX]; /* of fd's registration when it was watched first, 0 before: another one says that
					the number was closed and means something else now */
};

struct epoll_set {
	struct spin lock;
	_Atomic uint32_t generation; /* changes when there is something more to watch */
	uint32_t version;            /* changes at whatever may make what is being learnt untrue */
	bool known;                  /* `members` is valid */
	struct epoll_members members;
	struct list waiters;
};

/* A thread in epoll_wait; epoll_ctl by another thread wakes it. */
struct epoll_waiter {
	struct list link;
	struct thread *thread;
};

struct epoll_set *epoll_set(int epfd);                                                  /* NULL: no memory */
uint32_t epoll_set_join(struct epoll_set *s, struct epoll_waiter *w, struct thread *t); /* the generation */
void epoll_set_leave(struct epoll_set *s, struct epoll_waiter *w);
/* The numbers to watch, or -1 for the epoll's own. After joining: what is added later changes the generation. */
int epoll_set_members(struct epoll_set *s, int epfd, int fd[EPOLL_SET_MAX]);
/* fd is watched under this registration. False: it is not what it was, learn anew. */
bool epoll_set_check(struct epoll_set *s, int fd, uint32_t gen);
void epoll_set_forget(struct epoll_set *s);

void epoll_set_changed(int epfd, int op, int fd); /* after epoll_ctl */
void epoll_set_closing(int epfd);                 /* whatever it is */
void epoll_sets_reset_in_child(void);

#endif
