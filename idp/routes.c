#include "idp.h"
#include "log.h"
#include "pages.h"

#include <stdio.h>
#include <string.h>

enum { FORM_MAX = 32768 };

const struct httpd_route idp_routes[] = {
    {.method = "GET", .path = "/.well-known/openid-configuration", .handle = metadata_get},
    {.method = "GET", .path = "/.well-known/oauth-authorization-server", .handle = metadata_get},
    {.method = "GET", .path = "/keys", .handle = metadata_keys},
    {.method = "GET", .path = "/authorize", .handle = step2_authorize},
    {.method = "POST", .path = "/authorize", .max_body = FORM_MAX, .handle = step2_authorize},
    {.method = "POST", .path = "/logon", .max_body = FORM_MAX, .handle = step2_logon},
    {.method = "POST", .path = "/token", .max_body = FORM_MAX, .handle = step2_token},
    {.method = "GET", .path = "/userinfo", .handle = userinfo},
    {.method = "POST", .path = "/userinfo", .max_body = FORM_MAX, .handle = userinfo},
    {.method = "GET", .path = "/logout", .handle = end_session},
    {.method = "POST", .path = "/logout", .max_body = FORM_MAX, .handle = end_session},
    {0},
};

void idp_refuse(int status, const char *why, struct httpd_response *r)
{
  struct failure f;
  enum err e = status == 404   ? ERR_NOT_FOUND
               : status == 413 ? ERR_TOO_LARGE
               : status >= 500 ? ERR_INTERNAL
                               : ERR_SYNTAX;
  failure_set(&f, e, "%s", why);
  if (page_failure(r, &f, NULL, NULL) || fields_set(&r->fields, "Sevenstep-Actor", "idp") ||
      fields_set(&r->fields, "Sevenstep-Error", err_info(e)->name))
    buf_reset(&r->body);
  r->status = status; /* 405 and 400 share a name */
}

/* -- for those who run it -- */

bool idp_ready(void *arg, struct buf *reason)
{
  struct idp *i = arg;
  struct failure f;
  if (!store_probe(i->store, &f)) return true;
  if (buf_puts(reason, f.why)) buf_reset(reason);
  return false;
}

static const struct {
  const char *name, *labels, *help;
} METRICS[COUNT_IDP] = {
    [COUNT_LOGON_OK] = {"sevenstep_idp_logons_total", "result=\"ok\"", "Logons by password."},
    [COUNT_LOGON_WRONG_PASSWORD] = {"sevenstep_idp_logons_total", "result=\"wrong_password\"", NULL},
    [COUNT_LOGON_REFUSED] = {"sevenstep_idp_logons_total", "result=\"refused\"", NULL},
    [COUNT_ID_TOKEN] = {"sevenstep_idp_issued_total", "kind=\"id_token\"", "Tokens and codes issued."},
    [COUNT_CODE] = {"sevenstep_idp_issued_total", "kind=\"code\"", NULL},
    [COUNT_ACCESS_TOKEN] = {"sevenstep_idp_issued_total", "kind=\"access_token\"", NULL},
    [COUNT_TOKEN_REFUSED] = {"sevenstep_idp_token_refused_total", "", "Refusals of the token endpoint."},
};

void idp_metrics(void *arg, struct buf *out)
{
  struct idp *i = arg;
  int64_t records = 0;
  enum err e = ERR_OK;
  for (int k = 0; !e && k < COUNT_IDP; k++) {
    if (METRICS[k].help)
      e = buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n", METRICS[k].name, METRICS[k].help,
                     METRICS[k].name);
    if (!e)
      e = buf_printf(out, *METRICS[k].labels ? "%s{%s} %llu\n" : "%s%s %llu\n", METRICS[k].name,
                     METRICS[k].labels, atomic_load_explicit(&i->counts[k], memory_order_relaxed));
  }
  if (!e && !store_size(i->store, &records))
    e = buf_printf(out,
                   "# HELP sevenstep_idp_store_records Records in the store.\n"
                   "# TYPE sevenstep_idp_store_records gauge\nsevenstep_idp_store_records %lld\n"
                   "# HELP sevenstep_idp_passwords_pending Users whose password is not hashed yet.\n"
                   "# TYPE sevenstep_idp_passwords_pending gauge\nsevenstep_idp_passwords_pending %u\n",
                   (long long)records, passwords_pending(i->passwords));
  (void)e; /* the buffer's bound was reached: what is there is right */
}

/* POST /keys/rotate: a new key, published now, signing later. */
void idp_rotate_keys(const struct httpd_request *q, struct httpd_response *r)
{
  struct idp *i = q->arg;
  struct failure f;
  char kid[TOKEN_KID_LEN + 1], text[512];
  enum err e = token_keys_rotate(i->keys, IDP_ROTATE_S, kid, &f);
  if (e) {
    log_failure(LOG_ERROR, NULL, &f);
    snprintf(text, sizeof text, "%s: %s\n", err_info(e)->name, f.why);
  } else {
    log_info("key %s is published, and signs in %d s", kid, IDP_ROTATE_S);
    snprintf(text, sizeof text, "{\"kid\":\"%s\",\"signs_in_s\":%d}\n", kid, IDP_ROTATE_S);
  }
  if (httpd_text(r, e ? err_info(e)->http_status : 200, e ? "text/plain; charset=utf-8" : "application/json",
                 text))
    r->status = 500;
}
