#include "receiver.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int listen_on_any(unsigned short *ret_port)
{
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
  ck_assert_int_eq(listen(fd, 8), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
  *ret_port = ntohs(a.sin_port);
  return fd;
}

unsigned short receiver_closed_port(void)
{
  unsigned short port;
  close(listen_on_any(&port));
  return port;
}

/* Reads one request; false at the end of the connection. */
static bool read_request(int fd, char head[4096], char **ret_body)
{
  size_t n = 0;
  char *end = NULL;
  while (!end) {
    if (n == 4095 || read(fd, head + n, 1) != 1) return false;
    head[++n] = 0;
    end = strstr(head, "\r\n\r\n");
  }
  const char *length = strcasestr(head, "\r\ncontent-length:");
  size_t want = length ? strtoul(length + 17, NULL, 10) : 0, got = 0;
  if (strcasestr(head, "\r\nexpect: 100-continue") && write(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25) != 25)
    return false;
  char *body = calloc(1, want + 1);
  while (got < want) {
    ssize_t k = read(fd, body + got, want - got);
    if (k <= 0) break;
    got += (size_t)k;
  }
  *ret_body = body;
  return true;
}

static void answer(struct receiver *r, int fd, const char *head, char *body)
{
  char text[128];
  pthread_mutex_lock(&r->lock);
  int status = r->statuses[r->n];
  for (size_t i = r->n; !status; i--)
    status = r->statuses[i - 1];
  memcpy(r->head, head, sizeof r->head);
  free(r->body);
  r->body = body;
  pthread_mutex_unlock(&r->lock);
  int n = snprintf(text, sizeof text, "HTTP/1.1 %d Status\r\nContent-Length: 2\r\n\r\n{}", status);
  if (write(fd, text, (size_t)n) != n) return;
  pthread_mutex_lock(&r->lock);
  if (r->statuses[r->n]) r->n++;
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->lock);
}

static void *serve(void *arg)
{
  struct receiver *r = arg;
  int fd;
  while ((fd = accept(r->fd, NULL, NULL)) >= 0) {
    char head[4096] = "", *body = NULL;
    while (read_request(fd, head, &body)) {
      if (r->mute)
        free(body);
      else
        answer(r, fd, head, body);
    }
    close(fd);
  }
  return NULL;
}

void receiver_start(struct receiver *r, const int *statuses, bool mute)
{
  *r = (struct receiver){.statuses = statuses, .mute = mute};
  pthread_mutex_init(&r->lock, NULL);
  pthread_cond_init(&r->changed, NULL);
  r->fd = listen_on_any(&r->port);
  ck_assert_int_eq(pthread_create(&r->thread, NULL, serve, r), 0);
}

void receiver_wait(struct receiver *r, size_t n)
{
  struct timespec until;
  int late = 0;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 10;
  pthread_mutex_lock(&r->lock);
  while (r->n < n && !late)
    late = pthread_cond_timedwait(&r->changed, &r->lock, &until);
  pthread_mutex_unlock(&r->lock);
  ck_assert_msg(!late, "no request %zu", n);
}

void receiver_stop(struct receiver *r)
{
  shutdown(r->fd, SHUT_RDWR);
  pthread_join(r->thread, NULL);
  close(r->fd);
  free(r->body);
  pthread_cond_destroy(&r->changed);
  pthread_mutex_destroy(&r->lock);
}
