/* Arguments of System V's and POSIX's semaphores, message queues and shared memory. */
#include <mqueue.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "tools/trace/notation.h"

static void ipc_key_arg(FILE *out, const struct argument *a)
{
	if ((uint32_t)a->word == IPC_PRIVATE)
		fputs("IPC_PRIVATE", out);
	else
		fprintf(out, "%#x", (uint32_t)a->word);
}
PLAIN_TYPE(ipc_key, ipc_key_arg);

FLAG_SET(shm, "SHM_???", FLAG(IPC_CREAT), FLAG(IPC_EXCL), FLAG(SHM_HUGETLB), FLAG(SHM_NORESERVE));
FLAG_SET(queue, "MSG_???", FLAG(IPC_CREAT), FLAG(IPC_EXCL), FLAG(IPC_NOWAIT));

/* Flags, and permissions in the low bits. */
static void get_flags_print(FILE *out, const struct flag_set *set, uint32_t value)
{
	if (value & ~0777U) {
		flags_print(out, set, value & ~0777U);
		fputc('|', out);
	}
	mode_print(out, value & 0777);
}

static void shmget_flags_arg(FILE *out, const struct argument *a)
{
	get_flags_print(out, &shm_set, (uint32_t)a->word);
}

static void msgget_flags_arg(FILE *out, const struct argument *a)
{
	get_flags_print(out, &queue_set, (uint32_t)a->word);
}

PLAIN_TYPE(shmget_flags, shmget_flags_arg);
PLAIN_TYPE(msgget_flags, msgget_flags_arg);

ONE_OF_TYPE(msgctl_command, "MSG_???", FLAG(IPC_RMID), FLAG(IPC_SET), FLAG(IPC_STAT), FLAG(IPC_INFO), FLAG(MSG_STAT),
    FLAG(MSG_INFO), {13, "MSG_STAT_ANY"});

FLAG_SET(operation, "SEM_???", {SEM_UNDO, "SEM_UNDO"}, FLAG(IPC_NOWAIT));

static void sembuf_print(FILE *out, const uint8_t *bytes)
{
	struct sembuf b;

	memcpy(&b, bytes, sizeof(b));
	fprintf(out, "{sem_num=%u, sem_op=%d, sem_flg=", b.sem_num, b.sem_op);
	flags_print(out, &operation_set, (uint16_t)b.sem_flg);
	fputc('}', out);
}
ARRAY_TYPE(sembuf_array, sembuf_print, sizeof(struct sembuf));

static void mq_attributes_print(FILE *out, const uint8_t *bytes)
{
	struct mq_attr m;

	memcpy(&m, bytes, sizeof(m));
	fputs("{mq_flags=", out);
	flags_print(out, &type_open_flags_only.set, (uint64_t)m.mq_flags);
	fprintf(out, ", mq_maxmsg=%ld, mq_msgsize=%ld, mq_curmsgs=%ld}", m.mq_maxmsg, m.mq_msgsize, m.mq_curmsgs);
}

static bool makes_queue(const struct argument *a)
{
	return a->call->args[1] & O_CREAT;
}

STRUCT_TYPE(mq_attributes, mq_attributes_print, sizeof(struct mq_attr));
STRUCT_OUT_TYPE(mq_attributes_out, mq_attributes_print, sizeof(struct mq_attr));
const struct arg_type type_mq_open_mode = {mode_arg, {0}, {0}, false, makes_queue};
const struct arg_type type_mq_open_attributes = {
    struct_arg, {0}, {sizeof(struct mq_attr), mq_attributes_print}, false, makes_queue};
