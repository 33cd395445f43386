/* Bulk downloader: a pool of 16 threads fetches 400 documents of 0 to 256 KiB from a thread-per-connection server. */
// threads
#include "io_test.h"

#define DOCUMENTS 400
#define POOL 16

static struct sockaddr_in addr;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int next_document;

static size_t size_of(unsigned id)
{
	return id * 7919 % (256 << 10);
}

static void *serves(void *arg)
{
	int fd = (int)(long)arg;
	size_t size;
	unsigned id;

	CHECK_EQ(read_full(fd, &id, sizeof(id)), sizeof(id));
	size = size_of(id);
	unsigned char *body = malloc(size + 1);
	pattern_fill(body, size, id, 0);
	write_full(fd, &size, sizeof(size));
	write_full(fd, body, size);
	SYS(close(fd));
	free(body);
	return NULL;
}

static void *accepts(void *arg)
{
	pthread_t t[DOCUMENTS];

	for (int i = 0; i < DOCUMENTS; i++)
		t[i] = start(serves, (void *)SYS(accept((int)(long)arg, NULL, NULL)));
	for (int i = 0; i < DOCUMENTS; i++)
		join(t[i]);
	return NULL;
}

static long fetch(unsigned id)
{
	int fd = tcp_connect(&addr);
	unsigned char buf[8192];
	size_t size, done = 0;
	ssize_t got;

	write_full(fd, &id, sizeof(id));
	CHECK_EQ(read_full(fd, &size, sizeof(size)), sizeof(size));
	CHECK_EQ(size, size_of(id));
	while ((got = SYS(recv(fd, buf, sizeof(buf), 0))) > 0) {
		pattern_check(buf, (size_t)got, id, done);
		done += (size_t)got;
	}
	CHECK_EQ(done, size);
	SYS(close(fd));
	return (long)size;
}

static void *works(void *arg)
{
	long bytes = 0;

	(void)arg;
	for (;;) {
		int id;

		pthread_mutex_lock(&lock);
		id = next_document++;
		pthread_mutex_unlock(&lock);
		if (id >= DOCUMENTS)
			return (void *)bytes;
		bytes += fetch((unsigned)id);
	}
}

int main(void)
{
	int listener = tcp_listen(POOL, &addr);
	pthread_t server = start(accepts, (void *)(long)listener), t[POOL];
	long bytes = 0;

	for (int i = 0; i < POOL; i++)
		t[i] = start(works, NULL);
	for (int i = 0; i < POOL; i++)
		bytes += (long)join(t[i]);
	join(server);
	printf("%d documents, %ld bytes\n", DOCUMENTS, bytes);
	return 0;
}
