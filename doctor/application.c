/* The application as the connector sees it: does it ask for Kerberos, does it accept the ticket, does it
 * prove itself in turn? By the connector's own tokens, over HTTP. */
#include "doctor.h"

#include "clock.h"
#include "ticket.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CLOCK_SKEW_S = 300 };
static const long patience_ms = 5000;

struct answer {
  CURLcode code;
  long status;
  bool negotiate;
  char token[4096];    /* the value "Negotiate ..." if it has a token */
  char offered[200];   /* what it asks for instead */
  int64_t clock_ahead; /* by its Date field; 0 if it has none */
};

static bool begins(const char *line, size_t n, const char *with)
{
  size_t len = strlen(with);
  return n >= len && strncasecmp(line, with, len) == 0;
}

static void on_challenge(struct answer *a, const char *value, size_t n)
{
  while (n && (value[n - 1] == '\r' || value[n - 1] == '\n' || value[n - 1] == ' '))
    n--;
  while (n && *value == ' ')
    value++, n--;
  size_t used = strlen(a->offered), scheme = 0;
  while (scheme < n && value[scheme] != ' ')
    scheme++;
  snprintf(a->offered + used, sizeof a->offered - used, "%s%.*s", used ? ", " : "",
           (int)(scheme > 40 ? 40 : scheme), value);
  if (scheme != 9 || !begins(value, n, "Negotiate")) return;
  a->negotiate = true;
  if (n > scheme + 1 && n < sizeof a->token) snprintf(a->token, sizeof a->token, "%.*s", (int)n, value);
}

static size_t on_field(char *line, size_t size, size_t count, void *arg)
{
  static const char challenge[] = "WWW-Authenticate:", date[] = "Date:";
  struct answer *a = arg;
  size_t n = size * count;
  if (begins(line, n, challenge)) on_challenge(a, line + sizeof challenge - 1, n - (sizeof challenge - 1));
  if (begins(line, n, date) && n < 100) {
    char text[100];
    snprintf(text, sizeof text, "%.*s", (int)(n - (sizeof date - 1)), line + sizeof date - 1);
    time_t then = curl_getdate(text, NULL);
    if (then > 0) a->clock_ahead = (int64_t)then - clock_wall_s();
  }
  return n;
}

/* The status and the fields are enough: the page is not read. */
static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
  (void)data;
  (void)arg;
  return size * count;
}

static void fetch_with(CURL *h, const struct doctor_subject *s, struct curl_slist *fields,
                       struct curl_slist *to, struct answer *a)
{
  curl_easy_setopt(h, CURLOPT_URL, s->url);
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, patience_ms);
  curl_easy_setopt(h, CURLOPT_HTTPHEADER, fields);
  curl_easy_setopt(h, CURLOPT_CONNECT_TO, to);
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_field);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, a);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
  if (s->ca) curl_easy_setopt(h, CURLOPT_CAINFO, s->ca);
  if (s->any_certificate) {
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  a->code = curl_easy_perform(h);
  curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &a->status);
}

/* authorization NULL: without a ticket. */
static void fetch(const struct doctor_subject *s, const char *authorization, struct answer *a)
{
  struct buf line;
  char to_text[300];
  struct curl_slist *fields = NULL, *to = NULL;
  *a = (struct answer){.code = CURLE_OUT_OF_MEMORY};
  buf_init(&line, 80 * 1024);
  CURL *h = curl_easy_init();
  if (!h) return;
  if (s->connect) {
    snprintf(to_text, sizeof to_text, "::%s", s->connect);
    to = curl_slist_append(NULL, to_text);
  }
  if (authorization && !buf_printf(&line, "Authorization: %s", authorization))
    fields = curl_slist_append(NULL, buf_str(&line));
  if ((!s->connect || to) && (!authorization || fields)) fetch_with(h, s, fields, to, a);
  buf_wipe(&line);
  curl_slist_free_all(fields);
  curl_slist_free_all(to);
  curl_easy_cleanup(h);
}

static bool no_answer(struct doctor *d, const char *name, const struct answer *a)
{
  enum advice_id id;
  switch (a->code) {
  case CURLE_OK:
    return false;
  case CURLE_OPERATION_TIMEDOUT:
    id = ADVICE_APP_SLOW;
    break;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
    id = ADVICE_APP_CERTIFICATE;
    break;
  default:
    id = ADVICE_APP_UNREACHABLE;
  }
  doctor_fail(d, name, id, "%s: %s", d->subject->url, curl_easy_strerror(a->code));
  return true;
}

void check_application(struct doctor *d, const char *name)
{
  struct answer a;
  if (!d->subject->url) {
    report_skip(d->report, name, "no URL is known of %s (--url)", d->subject->spn);
    return;
  }
  fetch(d->subject, NULL, &a);
  if (no_answer(d, name, &a)) return;
  if (a.status == 401 && a.negotiate)
    report_pass(d->report, name, "%s asks for Negotiate (401)", d->subject->url);
  else
    doctor_fail(d, name, ADVICE_APP_NO_NEGOTIATE, "%s answers %ld without a ticket%s%s", d->subject->url,
                a.status, *a.offered ? ", and offers " : "", a.offered);
}

static enum err make_token(struct doctor *d, struct buf *out, struct failure *f)
{
  enum err e = krb_ticket_new(d->ctx, d->service, &d->ticket, f);
  if (!e) e = krb_initiator_new(d->ticket, NULL, out, &d->initiator, f);
  return e;
}

void check_ticket(struct doctor *d, const char *name)
{
  struct answer a;
  struct buf token;
  struct failure f = {0};
  buf_init(&token, 70 * 1024);
  if (make_token(d, &token, &f)) {
    buf_wipe(&token);
    report_skip(d->report, name, "no token could be made: %s", f.why);
    return;
  }
  fetch(d->subject, buf_str(&token), &a);
  buf_wipe(&token);
  if (no_answer(d, name, &a)) return;
  snprintf(d->reply, sizeof d->reply, "%s", a.token);
  if (a.status >= 400 && a.status != 401 && !*a.token)
    doctor_fail(d, name, ADVICE_APP_REFUSED_EARLY, "%s answers %ld to the ticket, without its proof",
                d->subject->url, a.status);
  else if (a.status != 401)
    report_pass(d->report, name, "the application accepts it (status %ld)", a.status);
  else
    doctor_fail(d, name,
                llabs((long long)a.clock_ahead) > CLOCK_SKEW_S ? ADVICE_APP_CLOCK : ADVICE_TICKET_REFUSED,
                "%s answers 401 to the ticket; its clock differs from ours by %lld s", d->subject->url,
                llabs((long long)a.clock_ahead));
}

void check_mutual(struct doctor *d, const char *name)
{
  struct failure f = {0};
  if (!*d->reply)
    doctor_fail(d, name, ADVICE_NO_MUTUAL, "its answer has no token");
  else if (krb_initiator_finish(d->initiator, d->reply, strlen(d->reply), &f))
    doctor_fail(d, name, ADVICE_NO_MUTUAL, "%s", f.why);
  else
    report_pass(d->report, name, "the application proved that it holds the key of %s", d->subject->spn);
}
