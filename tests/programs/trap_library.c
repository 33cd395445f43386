// env: GREEN_TRAP=1
// threads
/* Libraries that are loaded while threads run, and code made at run time: their system calls are threads' like others.
 */
#include "trap_lib_test.h"

#define READERS 50

static int fds[READERS][2];
static struct event begun = EVENT_INIT;

static void *reader(void *arg)
{
	long i = (long)arg;
	char byte = -1;

	CHECK_EQ(lib_gettid(), gettid());
	event_post(&begun);
	CHECK_EQ(lib_read(fds[i][0], &byte, 1), 1);
	CHECK_EQ(byte, i);
	return NULL;
}

static void *nothing(void *arg)
{
	return arg;
}

/* mov $39,%eax; syscall; ret */
static const uint8_t code[] = {0xb8, SYS_gettid, 0, 0, 0, 0x0f, 0x05, 0xc3};

static void *runs_made_code(void *arg)
{
	long (*fn)(void) = (long (*)(void))arg;

	CHECK_EQ(fn(), gettid());
	return NULL;
}

int main(void)
{
	pthread_t t[READERS];
	void *page;

	join(start(nothing, NULL)); /* armed */
	lib_open();
	for (long i = 0; i < READERS; i++) {
		SYS(pipe(fds[i]));
		t[i] = start(reader, (void *)i);
	}
	event_wait(&begun, READERS);
	int kernel = kernel_threads();
	if (kernel != READERS + 1) /* as there are natively */
		CHECK(kernel < 20);
	for (int i = 0; i < READERS; i++) {
		char byte = (char)i;
		SYS(write(fds[i][1], &byte, 1));
	}
	for (int i = 0; i < READERS; i++)
		join(t[i]);
	printf("library\n");

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	memcpy(page, code, sizeof(code));
	SYS(mprotect(page, 4096, PROT_READ | PROT_EXEC));
	join(start(runs_made_code, page));
	printf("code made at run time\n");
	return 0;
}
