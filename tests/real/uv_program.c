/* A program with its own libuv: work in the pool, files, timers, async wake-ups, a TCP echo server and clients, a
 * child. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define CLIENTS 50
#define WORK 200

static uv_loop_t *loop;
static uv_tcp_t server;
static uv_async_t async;
static struct sockaddr_in addr;
static int worked, echoed, clients_done, files_read, ticks, woken;

static void must(int result, const char *what)
{
	if (result < 0) {
		printf("%s: %s\n", what, uv_strerror(result));
		exit(1);
	}
}

static void closed(uv_handle_t *h)
{
	free(h);
}

static void allocate(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	(void)h;
	*buf = uv_buf_init(malloc(size), (unsigned)size);
}

static void written(uv_write_t *w, int status)
{
	must(status, "write");
	free(w->data);
	free(w);
}

static void server_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0) {
		uv_write_t *w = malloc(sizeof(*w));
		uv_buf_t out = uv_buf_init(buf->base, (unsigned)n);

		w->data = buf->base;
		must(uv_write(w, s, &out, 1, written), "uv_write");
		return;
	}
	free(buf->base);
	if (n < 0)
		uv_close((uv_handle_t *)s, closed);
}

static void accepted(uv_stream_t *s, int status)
{
	uv_tcp_t *c = malloc(sizeof(*c));

	must(status, "listen");
	uv_tcp_init(loop, c);
	must(uv_accept(s, (uv_stream_t *)c), "uv_accept");
	must(uv_read_start((uv_stream_t *)c, allocate, server_read), "uv_read_start");
}

static void client_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0)
		echoed += (int)n;
	free(buf->base);
	if (n < 0 || strlen(s->data) == (size_t)n) {
		free(s->data);
		uv_close((uv_handle_t *)s, closed);
		if (++clients_done == CLIENTS)
			uv_close((uv_handle_t *)&server, NULL);
	}
}

static void connected(uv_connect_t *req, int status)
{
	uv_write_t *w = malloc(sizeof(*w));
	uv_buf_t out;

	must(status, "connect");
	w->data = strdup(req->handle->data);
	out = uv_buf_init(w->data, (unsigned)strlen(w->data));
	must(uv_write(w, req->handle, &out, 1, written), "uv_write");
	must(uv_read_start(req->handle, allocate, client_read), "uv_read_start");
	free(req);
}

static void works(uv_work_t *w)
{
	uv_fs_t req;

	uv_sleep(1);
	uv_fs_stat(NULL, &req, "/", NULL);
	uv_fs_req_cleanup(&req);
	w->data = (void *)((long)w->data * 2);
}

static void work_done(uv_work_t *w, int status)
{
	must(status, "work");
	worked += (int)(long)w->data;
	free(w);
}

static void file_opened(uv_fs_t *req)
{
	must((int)req->result, "open");
	files_read++;
	uv_fs_t close_req;
	uv_fs_close(loop, &close_req, (uv_file)req->result, NULL);
	uv_fs_req_cleanup(req);
	free(req);
}

static void tick(uv_timer_t *t)
{
	if (++ticks == 20)
		uv_close((uv_handle_t *)t, NULL);
}

static void wakes(uv_async_t *a)
{
	woken = 1;
	uv_close((uv_handle_t *)a, NULL);
}

static void child_ended(uv_process_t *p, int64_t status, int sig)
{
	printf("child %d %d\n", (int)status, sig);
	uv_close((uv_handle_t *)p, NULL);
}

static void *thread(void *arg)
{
	uv_sleep(20);
	uv_async_send(&async);
	return arg;
}

static void begin_clients(void)
{
	int len = sizeof(addr);

	uv_tcp_init(loop, &server);
	uv_ip4_addr("127.0.0.1", 0, &addr);
	must(uv_tcp_bind(&server, (struct sockaddr *)&addr, 0), "bind");
	must(uv_listen((uv_stream_t *)&server, CLIENTS, accepted), "listen");
	uv_tcp_getsockname(&server, (struct sockaddr *)&addr, &len);
	for (int i = 0; i < CLIENTS; i++) {
		uv_tcp_t *c = malloc(sizeof(*c));
		char text[64];

		snprintf(text, sizeof(text), "message of client %d", i);
		uv_tcp_init(loop, c);
		c->data = strdup(text);
		must(uv_tcp_connect(malloc(sizeof(uv_connect_t)), c, (struct sockaddr *)&addr, connected), "connect");
	}
}

int main(void)
{
	char *args[] = {"sh", "-c", "exit 5", NULL};
	uv_process_options_t options = {.exit_cb = child_ended, .file = "sh", .args = args};
	uv_process_t child;
	uv_timer_t timer;
	pthread_t t;

	loop = uv_default_loop();
	uv_async_init(loop, &async, wakes);
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, tick, 1, 2);
	pthread_create(&t, NULL, thread, NULL);
	must(uv_spawn(loop, &child, &options), "spawn");
	begin_clients();
	for (long i = 0; i < WORK; i++) {
		uv_work_t *w = malloc(sizeof(*w));

		w->data = (void *)i;
		must(uv_queue_work(loop, w, works, work_done), "uv_queue_work");
	}
	for (int i = 0; i < 20; i++)
		must(uv_fs_open(loop, malloc(sizeof(uv_fs_t)), "/etc/passwd", UV_FS_O_RDONLY, 0, file_opened),
		    "uv_fs_open");
	uv_run(loop, UV_RUN_DEFAULT);
	pthread_join(t, NULL);
	printf("worked %d, echoed %d by %d, files %d, ticks %d, woken %d, close %d\n", worked, echoed, clients_done,
	    files_read, ticks, woken, uv_loop_close(loop));
	return 0;
}
