#include "kdc_log.h"

#include "encode.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
  return buf_append(arg, data, size * n) ? 0 : size * n;
}

static enum err get(const char *url, struct buf *out)
{
  CURL *h = curl_easy_init();
  long status = 0;
  if (!h) return ERR_NOMEM;
  curl_easy_setopt(h, CURLOPT_URL, url);
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, 500L);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, out);
  CURLcode r = curl_easy_perform(h);
  if (r == CURLE_OK) curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_cleanup(h);
  return status == 200 ? ERR_OK : ERR_NOT_FOUND;
}

/* krb5kdc writes two lines an exchange: the TGS_REQ with its target, then what kind of delegation it was. */
static bool of_s4u2proxy(const char *line, const char *spn)
{
  char target[300];
  snprintf(target, sizeof target, " for %s@", spn);
  return strstr(line, target) || strstr(line, "CONSTRAINED-DELEGATION") || strstr(line, "S4U2PROXY") ||
         strstr(line, "NOT_ALLOWED_TO_DELEGATE") || strstr(line, "EVIDENCE_T");
}

/* A refusal is logged in the connector's name alone, the user being "<unknown>": so it is known by the
 * exchange that this request failed in. */
static bool refusal_in(const char *line, const char *self, const char *spn, const struct krb_exchange *x)
{
  char itself[300];
  if (strstr(line, " ISSUE: ") || strncmp(line, "... ", 4) == 0) return false;
  if (x->s4u2proxy_ns) return of_s4u2proxy(line, spn);
  if (!x->s4u2self_ns) return strncmp(line, "AS_REQ ", 7) == 0 && strstr(line, " for krbtgt/");
  snprintf(itself, sizeof itself, " for %s@", self);
  return strncmp(line, "TGS_REQ ", 8) == 0 && strstr(line, itself);
}

/* refused_in NULL: all lines; else only what refused this exchange of the connector. */
static void read_lines(const struct connector *c, const struct buf *text, const char *spn,
                       const struct krb_exchange *refused_in, struct kdc_log *ret)
{
  json_t *doc = json_loadb(buf_str(text), text->len, 0, NULL);
  json_t *lines = json_object_get(doc, "lines"), *line;
  size_t i;
  json_array_foreach(lines, i, line)
  {
    const char *s = json_string_value(json_object_get(line, "text"));
    if (!s || ret->n == KDC_LOG_LINES) continue;
    if (refused_in && !refusal_in(s, c->me->principal, spn, refused_in)) continue;
    struct kdc_log_line *at = &ret->lines[ret->n];
    at->text = strdup(s);
    if (!at->text) break;
    at->time_ns = json_integer_value(json_object_get(line, "time_ns"));
    at->constrained = of_s4u2proxy(s, spn);
    ret->n++;
  }
  json_decref(doc);
}

/* The lines of one KDC about principal; realm is its, or NULL when it stands behind it already. */
static void fetch_about(struct connector *c, const struct lab_addr *at, const char *principal,
                        const char *realm, const char *spn, const struct krb_exchange *refused_in,
                        int64_t since_ns, struct kdc_log *ret)
{
  struct buf url, body;
  buf_init(&url, 2048);
  buf_init(&body, 256 * 1024);
  enum err e = buf_printf(&url, "http://%s:%u/log?client=", at->host, at->port);
  if (!e) e = percent_encode(&url, principal, strlen(principal));
  if (!e && realm) e = percent_encode(&url, "@", 1);
  if (!e && realm) e = percent_encode(&url, realm, strlen(realm));
  if (!e) e = buf_printf(&url, "&since=%lld", (long long)since_ns);
  if (!e) e = get(buf_str(&url), &body);
  if (!e) read_lines(c, &body, spn, refused_in, ret);
  buf_clear(&url);
  buf_clear(&body);
}

static void fetch_from(struct connector *c, const struct lab_addr *admin, const char *user, const char *spn,
                       const struct krb_exchange *x, bool refused, struct kdc_log *ret)
{
  fetch_about(c, admin, user, NULL, spn, NULL, x->start_wall_ns, ret);
  if (refused) fetch_about(c, admin, c->me->principal, c->me->realm, spn, x, x->start_wall_ns, ret);
}

void kdc_log_fetch(struct connector *c, const char *user, const char *spn, const struct krb_exchange *x,
                   bool refused, struct kdc_log *ret)
{
  if (c->lab->kdc.played_by == SEAT_GUEST) return; /* it has no log that we could read */
  /* Whichever answered: an exchange's messages may have gone to several. */
  for (unsigned which = 0; which < c->lab->kdc.replicas; which++) {
    struct lab_kdc k = lab_kdc(c->lab, which);
    fetch_from(c, &k.admin_connect, user, spn, x, refused, ret);
  }
  if (c->lab->partner.realm) fetch_from(c, &c->lab->partner.admin_connect, user, spn, x, refused, ret);
}

void kdc_log_clear(struct kdc_log *l)
{
  for (size_t i = 0; i < l->n; i++)
    free(l->lines[i].text);
  l->n = 0;
}
