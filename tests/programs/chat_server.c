/* Chat server: a thread per direction and user, a shared user table; every message comes once, in its sender's order.
 */
// threads
#include "io_test.h"

#define USERS 40
#define EACH 20 /* messages from each user to each user */
#define QUEUE 64

struct message {
	int from, to, number;
};

struct user {
	int fd;
	pthread_mutex_t lock;
	pthread_cond_t not_empty, not_full;
	struct message queue[QUEUE];
	unsigned head, tail;
	bool gone;
};

static struct user users[USERS];
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct user *table[USERS];
static struct sockaddr_in addr;
static pthread_barrier_t all_in;

static void put(struct user *u, struct message m)
{
	pthread_mutex_lock(&u->lock);
	while (u->tail - u->head == QUEUE)
		pthread_cond_wait(&u->not_full, &u->lock);
	u->queue[u->tail++ % QUEUE] = m;
	pthread_cond_signal(&u->not_empty);
	pthread_mutex_unlock(&u->lock);
}

static bool take(struct user *u, struct message *m)
{
	bool got;

	pthread_mutex_lock(&u->lock);
	while (u->tail == u->head && !u->gone)
		pthread_cond_wait(&u->not_empty, &u->lock);
	got = u->tail != u->head;
	if (got)
		*m = u->queue[u->head++ % QUEUE];
	pthread_cond_signal(&u->not_full);
	pthread_mutex_unlock(&u->lock);
	return got;
}

static void *server_writes(void *arg)
{
	struct user *u = arg;
	struct message m;

	while (take(u, &m))
		write_full(u->fd, &m, sizeof(m));
	return NULL;
}

static void *server_reads(void *arg)
{
	struct user *u = arg;
	struct message m;
	pthread_t writer;

	CHECK_EQ(read_full(u->fd, &m, sizeof(m)), sizeof(m));
	pthread_rwlock_wrlock(&table_lock);
	CHECK(table[m.from] == NULL);
	table[m.from] = u;
	pthread_rwlock_unlock(&table_lock);
	writer = start(server_writes, u);
	pthread_barrier_wait(&all_in);

	while (read_full(u->fd, &m, sizeof(m)) == sizeof(m)) {
		struct user *to;

		pthread_rwlock_rdlock(&table_lock);
		to = table[m.to];
		pthread_rwlock_unlock(&table_lock);
		put(to, m);
	}
	pthread_mutex_lock(&u->lock);
	u->gone = true;
	pthread_cond_signal(&u->not_empty);
	pthread_mutex_unlock(&u->lock);
	join(writer);
	SYS(close(u->fd));
	return NULL;
}

static void *server(void *arg)
{
	pthread_t t[USERS];

	for (int i = 0; i < USERS; i++) {
		users[i].fd = (int)SYS(accept((int)(long)arg, NULL, NULL));
		pthread_mutex_init(&users[i].lock, NULL);
		pthread_cond_init(&users[i].not_empty, NULL);
		pthread_cond_init(&users[i].not_full, NULL);
		t[i] = start(server_reads, &users[i]);
	}
	for (int i = 0; i < USERS; i++)
		join(t[i]);
	return NULL;
}

static void *client_reads(void *arg)
{
	int fd = (int)(long)arg, next[USERS] = {0};
	struct message m;

	for (int i = 0; i < USERS * EACH; i++) {
		CHECK_EQ(read_full(fd, &m, sizeof(m)), sizeof(m));
		CHECK_EQ(m.number, next[m.from]);
		next[m.from]++;
	}
	for (int i = 0; i < USERS; i++)
		CHECK_EQ(next[i], EACH);
	return NULL;
}

static void *client(void *arg)
{
	int me = (int)(long)arg, fd = tcp_connect(&addr);
	struct message m = {.from = me};
	pthread_t reader;

	write_full(fd, &m, sizeof(m));
	reader = start(client_reads, (void *)(long)fd);
	for (m.number = 0; m.number < EACH; m.number++)
		for (int i = 0; i < USERS; i++) {
			m.to = (me + i) % USERS;
			write_full(fd, &m, sizeof(m));
		}
	join(reader);
	SYS(close(fd));
	return NULL;
}

int main(void)
{
	int listener = tcp_listen(USERS, &addr);
	pthread_t s, t[USERS];

	PT(pthread_barrier_init(&all_in, NULL, USERS));
	s = start(server, (void *)(long)listener);
	for (long i = 0; i < USERS; i++)
		t[i] = start(client, (void *)i);
	for (int i = 0; i < USERS; i++)
		join(t[i]);
	join(s);
	printf("%d messages\n", USERS * USERS * EACH);
	return 0;
}
