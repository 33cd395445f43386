/* getaddrinfo, getnameinfo, gethostbyname(_r) and getservbyname_r of what needs no server, from 50 threads. */
// threads
#include "io_test.h"
#include <netdb.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *address_of(const char *name, int family, int flags)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list;
	static __thread char text[NI_MAXHOST];
	int error = getaddrinfo(name, "80", &hints, &list);

	if (error) {
		snprintf(text, sizeof(text), "error %d", error);
		return text;
	}
	PT(getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST));
	freeaddrinfo(list);
	return text;
}

static const struct {
	const char *name;
	int family, flags;
	const char *want;
} cases[] = {
    {"127.0.0.1", AF_INET, AI_NUMERICHOST, "127.0.0.1"},
    {"127.0.0.1", AF_UNSPEC, 0, "127.0.0.1"},
    {"::1", AF_INET6, AI_NUMERICHOST, "::1"},
    {"localhost", AF_INET, 0, "127.0.0.1"},
    {NULL, AF_INET, AI_PASSIVE, "0.0.0.0"},
    {NULL, AF_INET, 0, "127.0.0.1"},
    {"localhost", AF_INET, AI_NUMERICHOST, "error -2"},
    {"1.2.3.4.5", AF_INET, AI_NUMERICHOST, "error -2"},
    {"::1", AF_INET, AI_NUMERICHOST, "error -9"},
};

static void *resolves(void *arg)
{
	struct hostent host, *result;
	struct hostent *shared;
	char buf[2048];
	int error;

	for (int i = 0; i < 20; i++) {
		for (size_t k = 0; k < ARRAY_LEN(cases); k++)
			CHECK(strcmp(address_of(cases[k].name, cases[k].family, cases[k].flags), cases[k].want) == 0);
		CHECK_EQ(gethostbyname_r("localhost", &host, buf, sizeof(buf), &result, &error), 0);
		CHECK(result && *(in_addr_t *)host.h_addr_list[0] == htonl(INADDR_LOOPBACK));
		PT(pthread_mutex_lock(&lock));
		shared = gethostbyname("127.0.0.2");
		CHECK(shared && *(in_addr_t *)shared->h_addr_list[0] == htonl(0x7f000002));
		PT(pthread_mutex_unlock(&lock));
	}
	return arg;
}

int main(void)
{
	pthread_t t[50];

	for (int i = 0; i < 50; i++)
		t[i] = start(resolves, NULL);
	for (int i = 0; i < 50; i++)
		join(t[i]);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++)
		printf("%s: %s\n", cases[k].name ? cases[k].name : "-", cases[k].want);
	return 0;
}
