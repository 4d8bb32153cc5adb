#include "kdc_link.h"

#include "clock.h"
#include "kdc_addresses.h"
#include "kdc_record.h"
#include "spnego.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  UDP_MESSAGE_MAX = 32700, /* as udp_preference_limit in the lab's krb5.conf */
  REPLY_MAX = 65535,
  ATTEMPTS_MAX = 2 * KDC_MAX,
  ERROR_SERVICE_UNAVAILABLE = 29, /* RFC 4120 7.5.9: ask another KDC */
  ERROR_RESPONSE_TOO_BIG = 52,    /* ask again by TCP */
};
static const int64_t next_after_ns = 300 * 1000000LL;    /* the next KDC, when this one is silent */
static const int64_t repeat_after_ns = 1000 * 1000000LL; /* UDP loses datagrams */
static const int64_t silence_ns = 2000 * 1000000LL;      /* for so long nobody answers, and we give up */

struct attempt {
  const struct kdc_address *kdc;
  int fd;
  bool tcp, connected;
  size_t sent; /* TCP: bytes of header and message */
  size_t got;  /* TCP: bytes of header and reply */
  uint8_t header[4];
  uint8_t *reply; /* TCP: as long as the header says; of its own, so that one that stalls holds up no other */
};

/* One message on its way to several KDCs at once. */
struct race {
  const krb5_data *message;
  struct kdc_address kdc[KDC_MAX];
  size_t kdcs;
  struct attempt attempt[ATTEMPTS_MAX];
  size_t attempts;
  size_t plan;       /* 0..2*kdcs: which comes next; UDP first */
  uint8_t *datagram; /* REPLY_MAX bytes */
  const uint8_t *reply;
  size_t reply_len; /* != 0: done */
  struct attempt winner;
};

static void attempt_end(struct race *r, size_t i)
{
  close(r->attempt[i].fd);
  free(r->attempt[i].reply);
  r->attempt[i] = r->attempt[--r->attempts];
}

static bool attempt_start(struct race *r, const struct kdc_address *kdc, bool tcp)
{
  if (r->attempts == ATTEMPTS_MAX) return false;
  int fd = socket(kdc->addr.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  struct attempt a = {.kdc = kdc, .fd = fd, .tcp = tcp};
  if (connect(fd, (const struct sockaddr *)&kdc->addr, kdc->len) != 0 && errno != EINPROGRESS) goto fail;
  if (!tcp && send(fd, r->message->data, r->message->length, MSG_NOSIGNAL) < 0) goto fail;
  r->attempt[r->attempts++] = a;
  return true;
fail:
  close(fd);
  return false;
}

/* Starts the plan's next attempt that can be started; false when the plan is through. */
static bool start_next(struct race *r)
{
  while (r->plan < 2 * r->kdcs) {
    bool tcp = r->plan >= r->kdcs;
    const struct kdc_address *kdc = &r->kdc[r->plan++ % r->kdcs];
    if (tcp ? !kdc->tcp : !kdc->udp || r->message->length > UDP_MESSAGE_MAX) continue;
    if (attempt_start(r, kdc, tcp)) return true;
  }
  return false;
}

static void repeat_datagrams(struct race *r)
{
  for (size_t i = 0; i < r->attempts; i++)
    if (!r->attempt[i].tcp && send(r->attempt[i].fd, r->message->data, r->message->length, MSG_NOSIGNAL) < 0)
      continue; /* the error shows when it is read from */
}

/* A whole reply is there. False: it sends us elsewhere, the attempt is over. */
static bool consider_reply(struct race *r, const struct attempt *a, const uint8_t *reply, size_t n)
{
  int code = spnego_krb_error(reply, n);
  if (code == ERROR_RESPONSE_TOO_BIG && !a->tcp) {
    attempt_start(r, a->kdc, true);
    return false;
  }
  if (code == ERROR_SERVICE_UNAVAILABLE) return false;
  r->reply = reply;
  r->reply_len = n;
  r->winner = *a;
  return true;
}

/* These return false when the attempt is over without a reply. */
static bool udp_ready(struct race *r, size_t i)
{
  ssize_t n = recv(r->attempt[i].fd, r->datagram, REPLY_MAX, 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  /* AS-REP, TGS-REP or KRB-ERROR; anything else is a stray datagram. */
  const uint8_t tag = n ? r->datagram[0] : 0;
  if (tag != 0x6b && tag != 0x6d && tag != 0x7e) return true;
  return consider_reply(r, &r->attempt[i], r->datagram, (size_t)n);
}

static bool tcp_send(const struct race *r, struct attempt *a)
{
  uint32_t length = htonl((uint32_t)r->message->length);
  while (a->sent < 4 + (size_t)r->message->length) {
    const char *from = a->sent < 4 ? (const char *)&length + a->sent : r->message->data + (a->sent - 4);
    size_t left = a->sent < 4 ? 4 - a->sent : 4 + r->message->length - a->sent;
    ssize_t n = send(a->fd, from, left, MSG_NOSIGNAL | (a->sent < 4 ? MSG_MORE : 0));
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    a->sent += (size_t)n;
  }
  return true;
}

static uint32_t reply_length(const struct attempt *a)
{
  return (uint32_t)a->header[0] << 24 | (uint32_t)a->header[1] << 16 | (uint32_t)a->header[2] << 8 |
         a->header[3];
}

static bool tcp_receive(struct race *r, size_t i)
{
  struct attempt *a = &r->attempt[i];
  for (;;) {
    bool in_header = a->got < 4;
    size_t length = in_header ? 0 : reply_length(a);
    if (!in_header && (length == 0 || length > REPLY_MAX)) return false;
    if (!in_header && !a->reply && !(a->reply = malloc(length))) return false;
    if (!in_header && a->got == 4 + length) return consider_reply(r, a, a->reply, length);
    ssize_t n = in_header ? recv(a->fd, a->header + a->got, 4 - a->got, 0)
                          : recv(a->fd, a->reply + (a->got - 4), 4 + length - a->got, 0);
    if (n == 0) return false;
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    a->got += (size_t)n;
  }
}

static bool tcp_ready(struct race *r, size_t i, short events)
{
  struct attempt *a = &r->attempt[i];
  if (!a->connected) {
    int error = 0;
    socklen_t n = sizeof error;
    if (!(events & (POLLOUT | POLLERR | POLLHUP))) return true;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error) return false;
    a->connected = true;
  }
  if (a->sent < 4 + (size_t)r->message->length) return tcp_send(r, a);
  return tcp_receive(r, i);
}

static void wait_for_events(struct race *r, int64_t until_ns)
{
  struct pollfd p[ATTEMPTS_MAX];
  size_t n = r->attempts;
  for (size_t i = 0; i < n; i++) {
    const struct attempt *a = &r->attempt[i];
    bool sending = a->tcp && a->sent < 4 + (size_t)r->message->length;
    p[i] = (struct pollfd){.fd = a->fd, .events = sending ? POLLOUT : POLLIN};
  }
  int64_t left = until_ns - clock_mono_ns();
  int ms = left <= 0 ? 0 : (int)((left + 999999) / 1000000);
  if (poll(p, n, ms) <= 0) return;
  /* Downwards, since an attempt that ends is replaced by the last one; new ones are behind n. */
  for (size_t i = n; i-- > 0 && !r->reply_len;) {
    if (!p[i].revents) continue;
    bool live = r->attempt[i].tcp ? tcp_ready(r, i, p[i].revents) : udp_ready(r, i);
    if (!live) attempt_end(r, i);
  }
}

/* True when there is a reply; otherwise *ret_timed_out tells silence from refusal. */
static bool race_run(struct race *r, int64_t deadline_ns, bool *ret_timed_out)
{
  int64_t next_ns = 0, repeat_ns = clock_mono_ns() + repeat_after_ns;
  while (!r->reply_len) {
    int64_t now = clock_mono_ns();
    *ret_timed_out = now >= deadline_ns;
    if (*ret_timed_out) return false;
    if (now >= next_ns || r->attempts == 0) {
      bool started = start_next(r);
      if (!started && r->attempts == 0) return false;
      next_ns = now + (started ? next_after_ns : repeat_after_ns);
    }
    if (now >= repeat_ns) {
      repeat_datagrams(r);
      repeat_ns = now + repeat_after_ns;
    }
    int64_t until = next_ns < repeat_ns ? next_ns : repeat_ns;
    wait_for_events(r, until < deadline_ns ? until : deadline_ns);
  }
  return true;
}

static int64_t patience_ends(const struct kdc_link *link)
{
  int64_t silent_ns = clock_mono_ns() + silence_ns;
  return silent_ns < link->deadline_ns ? silent_ns : link->deadline_ns;
}

/* -- what was said --------------------------------------------------------------------------------------- */

/* What was asked and answered; when nobody answered, what the first one was asked. */
struct said {
  const krb5_data *realm, *message;
  const void *reply;
  size_t reply_len; /* 0: nobody answered */
  int64_t sent_ns;
  bool tcp;
  struct sockaddr_storage self, kdc; /* AF_UNSPEC: not known */
};

static void kdc_text(const struct said *s, char *out, size_t size)
{
  char address[INET6_ADDRSTRLEN] = "";
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)&s->kdc;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&s->kdc;
  bool is_v4 = s->kdc.ss_family == AF_INET;
  if (inet_ntop(s->kdc.ss_family, is_v4 ? (const void *)&v4->sin_addr : &v6->sin6_addr, address,
                sizeof address))
    snprintf(out, size, is_v4 ? "%s:%u" : "[%s]:%u", address, ntohs(is_v4 ? v4->sin_port : v6->sin6_port));
  else
    snprintf(out, size, "a KDC of %.*s", (int)s->realm->length, s->realm->data);
}

static void keep(struct krb_wire *wire, const struct said *s)
{
  bool known = s->kdc.ss_family != AF_UNSPEC;
  struct krb_wire_exchange x = {.transport = !known   ? "libkrb5"
                                             : s->tcp ? "tcp"
                                                      : "udp",
                                .sent_ns = s->sent_ns,
                                .received_ns = clock_wall_ns(),
                                .sent = s->message->data,
                                .sent_len = s->message->length,
                                .received = (void *)(uintptr_t)s->reply,
                                .received_len = s->reply_len};
  kdc_text(s, x.kdc, sizeof x.kdc);
  krb_wire_put(wire, &x);
}

static void record(const char *path, const struct said *s)
{
  const struct kdc_message messages[] = {
      {s->message->data, s->message->length, s->sent_ns, &s->self, &s->kdc, s->tcp},
      {s->reply, s->reply_len, clock_wall_ns(), &s->kdc, &s->self, s->tcp}};
  kdc_record(path, messages, s->reply_len ? 2 : 1);
}

static void note(const struct kdc_link *link, const struct said *s)
{
  if (link->record) record(link->record, s);
  if (link->wire) keep(link->wire, s);
}

static void note_race(const struct kdc_link *link, const krb5_data *realm, const struct race *r,
                      int64_t sent_ns)
{
  if (!link->record && !link->wire) return;
  const struct kdc_address *kdc = r->reply_len ? r->winner.kdc : r->kdc;
  struct said s = {.realm = realm,
                   .message = r->message,
                   .reply = r->reply,
                   .reply_len = r->reply_len,
                   .sent_ns = sent_ns,
                   .tcp = r->winner.tcp,
                   .kdc = kdc->addr};
  socklen_t n = sizeof s.self;
  if (r->reply_len) getsockname(r->winner.fd, (struct sockaddr *)&s.self, &n);
  note(link, &s);
}

/* -- the library's hooks --------------------------------------------------------------------------------- */

static krb5_error_code exchange(krb5_context ctx, struct kdc_link *link, struct kdc_addresses *addresses,
                                const krb5_data *realm, const krb5_data *message, krb5_data **ret)
{
  struct race r = {.message = message};
  int64_t deadline_ns = patience_ends(link), sent_ns = clock_wall_ns();
  link->answered[0] = '\0';
  link->timed_out = !kdc_addresses_begin(addresses);
  if (link->timed_out) return KRB5_KDC_UNREACH;
  krb5_error_code code = ENOMEM;
  r.datagram = malloc(REPLY_MAX);
  if (!r.datagram) goto out;
  r.kdcs = kdc_addresses_get(addresses, deadline_ns, r.kdc);
  if (race_run(&r, deadline_ns, &link->timed_out)) {
    krb5_data reply = {.length = (unsigned)r.reply_len, .data = (char *)(uintptr_t)r.reply};
    code = krb5_copy_data(ctx, &reply, ret);
    kdc_address_text(r.winner.kdc, link->answered, sizeof link->answered);
  } else {
    code = KRB5_KDC_UNREACH;
  }
  note_race(link, realm, &r, sent_ns);
out:
  kdc_addresses_end(addresses, r.winner.kdc, link->timed_out);
  while (r.attempts)
    attempt_end(&r, r.attempts - 1);
  free(r.datagram);
  return code;
}

static krb5_error_code send_hook(krb5_context ctx, void *arg, const krb5_data *realm,
                                 const krb5_data *message, krb5_data **new_message_out,
                                 krb5_data **new_reply_out)
{
  struct kdc_link *link = arg;
  (void)new_message_out;
  if (kdc_addresses_is_realm(link->addresses, realm))
    return exchange(ctx, link, link->addresses, realm, message, new_reply_out);
  if (link->partner && kdc_addresses_is_realm(link->partner, realm))
    return exchange(ctx, link, link->partner, realm, message, new_reply_out);
  link->sent_ns = clock_wall_ns();
  return 0; /* the library's own way */
}

/* Of an exchange that went the library's own way, its addresses unknown. */
static krb5_error_code recv_hook(krb5_context ctx, void *arg, krb5_error_code code, const krb5_data *realm,
                                 const krb5_data *message, const krb5_data *reply, krb5_data **new_reply_out)
{
  const struct kdc_link *link = arg;
  (void)ctx, (void)new_reply_out;
  note(link, &(struct said){.realm = realm,
                            .message = message,
                            .reply = code ? NULL : reply->data,
                            .reply_len = code ? 0 : reply->length,
                            .sent_ns = link->sent_ns});
  return code;
}

void kdc_link_attach(krb5_context ctx, struct kdc_link *link, struct kdc_addresses *addresses)
{
  link->addresses = addresses;
  link->timed_out = false;
  krb5_set_kdc_send_hook(ctx, send_hook, link);
  krb5_set_kdc_recv_hook(ctx, recv_hook, link);
}
