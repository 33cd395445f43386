/*
 * Echo server, a thread per connection: bytes through read and write, or lines through fdopen, fgets and fputs
 * (--stdio). Says its port on stdout and ends when its standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *serve_bytes(void *arg)
{
	int fd = (int)(long)arg;
	char buf[4096];
	ssize_t got;

	while ((got = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0; done < got;) {
			ssize_t n = write(fd, buf + done, (size_t)(got - done));

			if (n <= 0) {
				close(fd);
				return NULL;
			}
			done += n;
		}
	close(fd);
	return NULL;
}

static void *serve_lines(void *arg)
{
	int fd = (int)(long)arg;
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[8192];

	if (!in || !out)
		die("fdopen");
	while (fgets(line, sizeof(line), in)) {
		fprintf(out, "%s", line);
		if (fflush(out) == EOF)
			break;
	}
	fclose(out);
	fclose(in);
	return NULL;
}

static void *(*serve)(void *) = serve_bytes;

static void *accepts(void *arg)
{
	pthread_attr_t attr;
	int one = 1;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (;;) {
		int fd = accept((int)(long)arg, NULL, NULL), error;
		pthread_t t;

		if (fd == -1)
			die("accept");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		error = pthread_create(&t, &attr, serve, (void *)(long)fd);
		if (error) {
			fprintf(stderr, "pthread_create: %s\n", strerror(error));
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct rlimit files;
	pthread_t t;
	char c;

	if (argc > 1 && strcmp(argv[1], "--stdio") == 0)
		serve = serve_lines;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(listener, 4096))
		die("listen");
	getsockname(listener, (struct sockaddr *)&addr, &len);
	printf("%d\n", ntohs(addr.sin_port));
	fflush(stdout);
	if (pthread_create(&t, NULL, accepts, (void *)(long)listener))
		die("pthread_create");
	while (read(0, &c, 1) > 0)
		;
	exit(0);
}
