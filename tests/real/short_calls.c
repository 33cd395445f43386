/*
 * Calls that may block and do not, a thousand times each, while another thread sleeps; with an argument, an fsync among
 * them, which is handed off each time.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <termios.h>
#include <unistd.h>

#define ROUNDS 1000

#define CHECK(cond)                    \
	do {                           \
		if (!(cond)) {         \
			perror(#cond); \
			exit(1);       \
		}                      \
	} while (0)

static char name[] = "/tmp/short_calls.XXXXXX";
static int fd;

static void *sleeps(void *arg)
{
	pause();
	return arg;
}

static void locks(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, none = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	CHECK(flock(fd, LOCK_EX) == 0 && flock(fd, LOCK_UN) == 0);
	CHECK(fcntl(fd, F_SETLKW, &lock) == 0 && fcntl(fd, F_SETLKW, &none) == 0);
	CHECK(fcntl(fd, F_OFD_SETLKW, &lock) == 0 && fcntl(fd, F_OFD_SETLKW, &none) == 0);
}

static void queues(int messages, int semaphores, mqd_t queue)
{
	struct {
		long type;
		char text[8];
	} m = {1, "message"};
	struct sembuf up = {0, 1, 0}, down = {0, -1, 0};
	char text[64];

	CHECK(msgsnd(messages, &m, sizeof(m.text), 0) == 0);
	CHECK(msgrcv(messages, &m, sizeof(m.text), 0, 0) == sizeof(m.text));
	CHECK(semop(semaphores, &up, 1) == 0 && semop(semaphores, &down, 1) == 0);
	CHECK(mq_send(queue, "message", 8, 0) == 0 && mq_receive(queue, text, sizeof(text), NULL) == 8);
}

static void files(char *mapped, int terminal)
{
	char block[4096] = {0};

	CHECK(pwrite(fd, block, sizeof(block), 0) == sizeof(block));
	CHECK(pread(fd, block, sizeof(block), 0) == sizeof(block));
	CHECK(msync(mapped, sizeof(block), MS_ASYNC) == 0);
	CHECK(tcdrain(terminal) == 0);
	CHECK(getrandom(block, 16, 0) == 16);
	close(open(name, O_RDWR | O_CREAT, 0600));
}

int main(int argc, char **argv)
{
	pthread_t t;
	int messages = msgget(IPC_PRIVATE, 0600), semaphores = semget(IPC_PRIVATE, 1, 0600);
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
	char queue_name[64], *mapped;
	mqd_t queue;

	(void)argv;
	fd = mkstemp(name);
	snprintf(queue_name, sizeof(queue_name), "/%s", strrchr(name, '.'));
	queue = mq_open(queue_name, O_RDWR | O_CREAT, 0600, &attr);
	CHECK(fd >= 0 && messages >= 0 && semaphores >= 0 && terminal >= 0 && queue >= 0);
	CHECK(ftruncate(fd, 4096) == 0);
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mapped != MAP_FAILED);
	CHECK(pthread_create(&t, NULL, sleeps, NULL) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		locks();
		queues(messages, semaphores, queue);
		files(mapped, terminal);
		if (argc > 1)
			CHECK(fsync(fd) == 0);
	}
	msgctl(messages, IPC_RMID, NULL);
	semctl(semaphores, 0, IPC_RMID);
	mq_unlink(queue_name);
	unlink(name);
	puts("done");
	return 0;
}
