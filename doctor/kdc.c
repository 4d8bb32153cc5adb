/* The way to the KDC: krb5.conf, names, one message by UDP and by TCP to each KDC, and its clock.
 *
 * The message is a request of the connector for a ticket to a service that does not exist. Every KDC answers
 * it with an error, which says that it lives and, in the clear, what time it is there; so neither a key nor a
 * password is needed, and nothing is issued. */
#include "doctor.h"

#include "clock.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPLY_MAX = 65535, CLOCK_SKEW_S = 300 };
static const int64_t patience_ns = 2000 * 1000000LL;

/* -- configuration and names ---------------------------------------------------------------------------- */

static bool krb5_conf_names_kdc(const struct doctor_realm *r)
{
  krb5_data data = {.length = (unsigned)strlen(r->name), .data = (char *)(uintptr_t)r->name};
  return kdc_addresses_is_realm(r->addresses, &data);
}

void check_krb5_conf(struct doctor *d, const char *name)
{
  const char *file = getenv("KRB5_CONFIG");
  if (!file || !*file) file = "/etc/krb5.conf";
  if (!strchr(file, ':') && access(file, R_OK) != 0)
    report_pass(d->report, name, "there is no %s, and none was given: DNS is asked", file);
  else if (krb5_conf_names_kdc(&d->home))
    report_pass(d->report, name, "%s names a KDC of %s", file, d->subject->realm);
  else
    report_pass(d->report, name, "%s names no KDC of %s: DNS is asked", file, d->subject->realm);
}

static void add_host(struct doctor_realm *r, const char *host, unsigned port, bool udp, bool tcp)
{
  char service[8];
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
  snprintf(service, sizeof service, "%u", port);
  if (getaddrinfo(host, service, &hints, &found) != 0) return;
  for (const struct addrinfo *ai = found; ai && r->kdcs < KDC_MAX; ai = ai->ai_next) {
    struct kdc_address *k = &r->kdc[r->kdcs++];
    *k = (struct kdc_address){.len = ai->ai_addrlen, .udp = udp, .tcp = tcp};
    memcpy(&k->addr, ai->ai_addr, ai->ai_addrlen);
  }
  freeaddrinfo(found);
}

/* RFC 4120 7.2.3.2: _kerberos._tcp.REALM. Domain controllers serve both protocols under either record. */
static void find_by_dns(struct doctor_realm *r)
{
  struct __res_state state = {0};
  unsigned char answer[4096];
  char query[300], host[256];
  ns_msg message;
  ns_rr record;
  if (res_ninit(&state) != 0) return;
  state.retrans = 2;
  state.retry = 1;
  snprintf(query, sizeof query, "_kerberos._tcp.%s", r->name);
  int n = res_nquery(&state, query, ns_c_in, ns_t_srv, answer, sizeof answer);
  if (n > 0 && n <= (int)sizeof answer && ns_initparse(answer, n, &message) == 0)
    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
      if (ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_srv) continue;
      const unsigned char *data = ns_rr_rdata(record);
      if (ns_rr_rdlen(record) < 7) continue;
      if (dn_expand(answer, answer + n, data + 6, host, sizeof host) < 0) continue;
      add_host(r, host, (unsigned)ns_get16(data + 4), true, true);
    }
  res_nclose(&state);
}

static void find_kdcs(struct doctor *d, const char *name, struct doctor_realm *r)
{
  bool configured = krb5_conf_names_kdc(r);
  if (configured)
    r->kdcs = kdc_addresses_get(r->addresses, clock_mono_ns() + patience_ns, r->kdc);
  else
    find_by_dns(r);
  if (!r->kdcs) {
    doctor_fail_in(d, r, name, configured ? ADVICE_NO_ADDRESS : ADVICE_NO_KDC_NAMED,
                   configured ? "no kdc = line of %s leads to an address" : "no KDC of %s is known", r->name);
    return;
  }
  char text[300] = "", one[80];
  for (size_t i = 0; i < r->kdcs; i++) {
    kdc_address_text(&r->kdc[i], one, sizeof one);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", one);
  }
  report_pass(d->report, name, "KDC%s of %s at %s", r->kdcs > 1 ? "s" : "", r->name, text);
}

void check_names(struct doctor *d, const char *name)
{
  find_kdcs(d, name, &d->home);
}

void check_other_names(struct doctor *d, const char *name)
{
  find_kdcs(d, name, &d->other);
}

/* -- one message ---------------------------------------------------------------------------------------- */

static bool make_probe(struct doctor *d)
{
  krb5_init_creds_context icc = NULL;
  krb5_data in = {0}, out = {0}, realm = {0};
  unsigned flags = 0;
  char service[] = "sevenstep-doctor/probe";
  krb5_error_code code = krb5_init_creds_init(d->ctx, d->self, NULL, NULL, 0, NULL, &icc);
  if (!code) code = krb5_init_creds_set_service(d->ctx, icc, service);
  if (!code) code = krb5_init_creds_step(d->ctx, icc, &in, &out, &realm, &flags);
  if (!code) code = krb5_copy_data(d->ctx, &out, &d->probe);
  krb5_free_data_contents(d->ctx, &out);
  krb5_free_data_contents(d->ctx, &realm);
  if (icc) krb5_init_creds_free(d->ctx, icc);
  return !code;
}

static bool wait_for(int fd, short events, int64_t deadline_ns)
{
  struct pollfd p = {.fd = fd, .events = events};
  int64_t left = deadline_ns - clock_mono_ns();
  return left > 0 && poll(&p, 1, (int)(left / 1000000) + 1) > 0;
}

static bool read_exactly(int fd, uint8_t *out, size_t n, int64_t deadline_ns)
{
  while (n) {
    if (!wait_for(fd, POLLIN, deadline_ns)) return false;
    ssize_t got = recv(fd, out, n, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return false;
    out += got;
    n -= (size_t)got;
  }
  return true;
}

/* The reply's length, 0 if there is none; *ret_refused tells refusal from silence. */
static size_t ask_tcp(const struct doctor *d, int fd, uint8_t *reply, int64_t deadline_ns, bool *ret_refused)
{
  int error = 0;
  socklen_t error_size = sizeof error;
  uint8_t head[4];
  uint32_t length = htonl((uint32_t)d->probe->length);
  if (!wait_for(fd, POLLOUT, deadline_ns)) return 0;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0 || error) {
    *ret_refused = true;
    return 0;
  }
  memcpy(head, &length, sizeof head);
  if (send(fd, head, sizeof head, MSG_NOSIGNAL | MSG_MORE) != (ssize_t)sizeof head) return 0;
  if (send(fd, d->probe->data, d->probe->length, MSG_NOSIGNAL) != (ssize_t)d->probe->length) return 0;
  if (!read_exactly(fd, head, sizeof head, deadline_ns)) return 0;
  memcpy(&length, head, sizeof length);
  length = ntohl(length);
  if (length == 0 || length > REPLY_MAX || !read_exactly(fd, reply, length, deadline_ns)) return 0;
  return length;
}

static size_t ask_udp(const struct doctor *d, int fd, uint8_t *reply, int64_t deadline_ns, bool *ret_refused)
{
  if (send(fd, d->probe->data, d->probe->length, MSG_NOSIGNAL) < 0) return 0;
  if (!wait_for(fd, POLLIN, deadline_ns)) return 0;
  ssize_t n = recv(fd, reply, REPLY_MAX, 0);
  *ret_refused = n < 0 && errno == ECONNREFUSED;
  return n > 0 ? (size_t)n : 0;
}

static void learn_clock(struct doctor *d, struct doctor_realm *r, uint8_t *reply, size_t n)
{
  krb5_data data = {.length = (unsigned)n, .data = (char *)reply};
  krb5_error *error = NULL;
  if (r->clock_known || krb5_rd_error(d->ctx, &data, &error) != 0) return;
  r->clock_ahead = (int64_t)(uint32_t)error->stime - clock_wall_s();
  r->clock_known = true;
  krb5_free_error(d->ctx, error);
}

static bool ask(struct doctor *d, struct doctor_realm *r, const struct kdc_address *k, bool tcp,
                bool *ret_refused)
{
  int64_t deadline = clock_mono_ns() + patience_ns;
  int fd = socket(k->addr.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  uint8_t *reply = malloc(REPLY_MAX);
  size_t n = 0;
  if (fd >= 0 && reply) {
    if (connect(fd, (const struct sockaddr *)&k->addr, k->len) != 0 && errno != EINPROGRESS)
      *ret_refused = true;
    else
      n = tcp ? ask_tcp(d, fd, reply, deadline, ret_refused) : ask_udp(d, fd, reply, deadline, ret_refused);
    if (n) learn_clock(d, r, reply, n);
  }
  free(reply);
  if (fd >= 0) close(fd);
  return n > 0;
}

/* -- reachability and clock ----------------------------------------------------------------------------- */

/* Who answered by one protocol. */
struct reached {
  size_t asked, answered, refused;
  char silent[300]; /* the others: "; ADDRESS refuses..." */
};

static struct reached reach(struct doctor *d, struct doctor_realm *r, bool tcp)
{
  struct reached n = {0};
  char one[80];
  for (size_t i = 0; i < r->kdcs; i++) {
    bool refused = false;
    if (!(tcp ? r->kdc[i].tcp : r->kdc[i].udp)) continue;
    n.asked++;
    if (ask(d, r, &r->kdc[i], tcp, &refused)) {
      n.answered++;
      continue;
    }
    n.refused += refused;
    kdc_address_text(&r->kdc[i], one, sizeof one);
    size_t used = strlen(n.silent);
    snprintf(n.silent + used, sizeof n.silent - used, "; %s %s", one,
             refused ? "refuses" : "is silent for 2 s");
  }
  *(tcp ? &r->tcp : &r->udp) = n.answered > 0;
  return n;
}

static void report_reach(struct doctor *d, const char *name, const struct doctor_realm *r,
                         const struct reached *n, const char *protocol)
{
  if (!n->asked)
    report_skip(d->report, name, "krb5.conf does not want it used");
  else if (n->answered)
    report_pass(d->report, name, "%zu of %zu KDC%s answer%s%s", n->answered, n->asked,
                n->asked > 1 ? "s" : "", n->answered > 1 ? "" : "s", n->silent);
  else
    doctor_fail_in(d, r, name, n->refused == n->asked ? ADVICE_KDC_REFUSES : ADVICE_KDC_SILENT,
                   "no answer by %s%s", protocol, n->silent);
}

static bool can_probe(struct doctor *d, const char *name)
{
  if (d->probe || make_probe(d)) return true;
  report_skip(d->report, name, "no message could be made with this krb5.conf");
  return false;
}

static void check_protocol(struct doctor *d, const char *name, bool tcp)
{
  if (!can_probe(d, name)) return;
  struct reached n = reach(d, &d->home, tcp);
  report_reach(d, name, &d->home, &n, tcp ? "TCP" : "UDP");
}

void check_kdc_udp(struct doctor *d, const char *name)
{
  check_protocol(d, name, false);
}

void check_kdc_tcp(struct doctor *d, const char *name)
{
  check_protocol(d, name, true);
}

static void report_clock(struct doctor *d, const char *name, const struct doctor_realm *r)
{
  long long differ = llabs((long long)r->clock_ahead);
  if (differ > CLOCK_SKEW_S)
    doctor_fail_in(d, r, name, ADVICE_CLOCK, "the KDC's clock is %lld s %s ours", differ,
                   r->clock_ahead > 0 ? "ahead of" : "behind");
  else
    report_pass(d->report, name, "the KDC's clock differs from ours by %lld s", differ);
}

void check_clock(struct doctor *d, const char *name)
{
  if (d->home.clock_known)
    report_clock(d, name, &d->home);
  else
    report_skip(d->report, name, "no KDC told its time");
}

/* Reachability and clock in one. */
void check_other_kdc(struct doctor *d, const char *name)
{
  if (!can_probe(d, name)) return;
  struct reached udp = reach(d, &d->other, false), tcp = reach(d, &d->other, true);
  if (udp.answered + tcp.answered == 0)
    report_reach(d, name, &d->other, tcp.asked ? &tcp : &udp, tcp.asked ? "TCP" : "UDP");
  else if (d->other.clock_known)
    report_clock(d, name, &d->other);
  else
    report_pass(d->report, name, "it answers");
}
