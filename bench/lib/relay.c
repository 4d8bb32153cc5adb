/* A relay that is far away: what comes in at one end goes out at the other end MS milliseconds later, in both
 * directions, with no other bound on throughput than the machine's. Kernels without netem have no other way
 * to a long line.
 *
 *   bench-relay LISTEN-PORT PORT MS        on 127.0.0.1; says READY on standard output; ends with its
 * standard input */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define PIECE       (256 * 1024)
#define IN_AIR_HIGH (64u << 20) /* beyond: not read, so that memory is bounded */
#define IN_AIR_LOW  (32u << 20)

struct piece {
  uv_write_t write;
  struct end *to;
  uint64_t due;
  size_t n;
  struct piece *next;
  char bytes[];
};

struct end { /* of a line: what it reads goes to its other */
  uv_tcp_t tcp;
  uv_timer_t timer;
  struct line *line;
  struct end *other;
  struct piece *first, **last; /* on their way to here */
  size_t in_air;
  bool paused; /* the other end is not read */
};

struct line {
  struct end near, far;
  uv_connect_t connect;
  int handles;
  bool closing;
};

static uv_loop_t *loop;
static struct sockaddr_in target;
static uint64_t delay_ms;

static void on_closed(uv_handle_t *handle)
{
  struct line *l = ((struct end *)handle->data)->line;
  if (--l->handles > 0) return;
  for (struct end *e = &l->near;; e = &l->far) {
    while (e->first) {
      struct piece *p = e->first;
      e->first = p->next;
      free(p);
    }
    if (e == &l->far) break;
  }
  free(l);
}

static void line_close(struct line *l)
{
  if (l->closing) return;
  l->closing = true;
  for (struct end *e = &l->near;; e = &l->far) {
    uv_close((uv_handle_t *)&e->tcp, on_closed);
    uv_close((uv_handle_t *)&e->timer, on_closed);
    if (e == &l->far) break;
  }
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  (void)handle;
  (void)suggested;
  struct piece *p = malloc(sizeof *p + PIECE);
  *buf = p ? uv_buf_init(p->bytes, PIECE) : uv_buf_init(NULL, 0);
}

static void on_written(uv_write_t *w, int status)
{
  struct piece *p = w->data;
  struct end *e = p->to;
  e->in_air -= p->n;
  free(p);
  if (status < 0) {
    line_close(e->line);
  } else if (e->paused && e->in_air < IN_AIR_LOW && !e->line->closing) {
    e->paused = false;
    uv_read_start((uv_stream_t *)&e->other->tcp, on_alloc, on_read);
  }
}

static void on_due(uv_timer_t *timer)
{
  struct end *e = timer->data;
  while (e->first && e->first->due <= uv_now(loop)) {
    struct piece *p = e->first;
    e->first = p->next;
    if (!e->first) e->last = &e->first;
    p->write.data = p;
    uv_buf_t buf = uv_buf_init(p->bytes, (unsigned)p->n);
    if (uv_write(&p->write, (uv_stream_t *)&e->tcp, &buf, 1, on_written) < 0) {
      free(p);
      line_close(e->line);
      return;
    }
  }
  if (e->first) uv_timer_start(&e->timer, on_due, e->first->due - uv_now(loop), 0);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
  struct end *to = ((struct end *)s->data)->other;
  struct piece *p = buf->base ? (struct piece *)(void *)(buf->base - offsetof(struct piece, bytes)) : NULL;
  if (n <= 0) {
    free(p);
    if (n < 0) line_close(to->line);
    return;
  }
  struct piece *small =
      realloc(p, sizeof *p + (size_t)n); /* what is read is mostly less than what was asked for */
  if (small) p = small;
  p->to = to;
  p->n = (size_t)n;
  p->due = uv_now(loop) + delay_ms;
  p->next = NULL;
  *to->last = p;
  to->last = &p->next;
  to->in_air += p->n;
  if (to->first == p) uv_timer_start(&to->timer, on_due, delay_ms, 0);
  if (to->in_air > IN_AIR_HIGH) {
    to->paused = true;
    uv_read_stop(s);
  }
}

static void on_connected(uv_connect_t *c, int status)
{
  struct line *l = c->data;
  if (status < 0) {
    line_close(l);
    return;
  }
  uv_read_start((uv_stream_t *)&l->near.tcp, on_alloc, on_read);
  uv_read_start((uv_stream_t *)&l->far.tcp, on_alloc, on_read);
}

static void on_connection(uv_stream_t *listener, int status)
{
  struct line *l = status == 0 ? calloc(1, sizeof *l) : NULL;
  if (!l) return;
  l->near.other = &l->far;
  l->far.other = &l->near;
  for (struct end *e = &l->near;; e = &l->far) {
    e->line = l;
    e->last = &e->first;
    e->tcp.data = e->timer.data = e;
    uv_tcp_init(loop, &e->tcp);
    uv_timer_init(loop, &e->timer);
    l->handles += 2;
    if (e == &l->far) break;
  }
  l->connect.data = l;
  if (uv_accept(listener, (uv_stream_t *)&l->near.tcp) < 0 ||
      uv_tcp_connect(&l->connect, &l->far.tcp, (const struct sockaddr *)&target, on_connected) < 0) {
    line_close(l);
    return;
  }
  uv_tcp_nodelay(&l->near.tcp, 1);
  uv_tcp_nodelay(&l->far.tcp, 1);
}

static void on_input(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
  (void)s;
  free(buf->base ? buf->base - offsetof(struct piece, bytes) : NULL);
  if (n < 0) exit(0);
}

int main(int argc, char **argv)
{
  struct sockaddr_in here;
  static uv_tcp_t listener;
  static uv_pipe_t input;
  if (argc != 4) {
    fprintf(stderr, "usage: bench-relay LISTEN-PORT PORT MS\n");
    return 2;
  }
  loop = uv_default_loop();
  delay_ms = strtoul(argv[3], NULL, 10);
  uv_ip4_addr("127.0.0.1", (int)strtol(argv[1], NULL, 10), &here);
  uv_ip4_addr("127.0.0.1", (int)strtol(argv[2], NULL, 10), &target);
  uv_tcp_init(loop, &listener);
  uv_pipe_init(loop, &input, 0);
  int r = uv_tcp_bind(&listener, (const struct sockaddr *)&here, 0);
  if (!r) r = uv_listen((uv_stream_t *)&listener, 64, on_connection);
  if (!r) r = uv_pipe_open(&input, 0);
  if (!r) r = uv_read_start((uv_stream_t *)&input, on_alloc, on_input);
  if (r) {
    fprintf(stderr, "bench-relay: %s\n", uv_strerror(r));
    return 1;
  }
  puts("READY");
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
