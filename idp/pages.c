#include "pages.h"

#include "encode.h"
#include "trace.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b;"
    "background:#fff}"
    "h1{font-size:1.5rem}label{display:block;margin-top:1rem;font-weight:600}"
    "input{font:inherit;width:100%;padding:.4rem;box-sizing:border-box}"
    "button{font:inherit;margin-top:1.5rem;padding:.4rem 1.5rem}"
    ".error{border-left:.3rem solid #b00020;padding-left:.8rem}"
    "dt{font-weight:600;margin-top:.8rem}dd{margin:0}code{background:#f2f2f2;padding:.1em .3em}";

static const char SCRIPT[] = "document.forms[0].submit()";

/* The one style and the one script are allowed by their hashes (CSP 3, 2.3.1), so that nothing else can run.
 * No form-action: browsers apply it to the redirects behind a form too, which lead to the application and
 * wherever that sends its user. */
static char policy[512];
static pthread_once_t policy_once = PTHREAD_ONCE_INIT;

static void hash_source(const char *text, char *out, size_t size)
{
  uint8_t hash[32];
  struct buf b;
  buf_init(&b, 64);
  if (EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), hash, NULL) &&
      !base64_encode(&b, hash, sizeof hash))
    snprintf(out, size, "'sha256-%s'", buf_str(&b));
  else
    snprintf(out, size, "'none'"); /* then the page is plain, and its button is pressed by hand */
  buf_clear(&b);
}

static void make_policy(void)
{
  char style[64], script[64];
  hash_source(STYLE, style, sizeof style);
  hash_source(SCRIPT, script, sizeof script);
  snprintf(policy, sizeof policy,
           "default-src 'none'; style-src %s; script-src %s; base-uri 'none'; frame-ancestors 'none'", style,
           script);
}

static enum err add_headers(struct httpd_response *r)
{
  static const char *const headers[][2] = {
      {"Content-Type", "text/html; charset=utf-8"},  {"Cache-Control", "no-store"},
      {"Content-Security-Policy", policy},           {"X-Frame-Options", "DENY"},
      {"X-Content-Type-Options", "nosniff"},         {"Referrer-Policy", "no-referrer"},
  };
  pthread_once(&policy_once, make_policy);
  enum err e = ERR_OK;
  for (size_t k = 0; !e && k < sizeof headers / sizeof *headers; k++)
    e = fields_set(&r->fields, headers[k][0], headers[k][1]);
  return e;
}

static enum err text(struct buf *out, const char *s)
{
  return html_escape(out, s, strlen(s));
}

static enum err begin(struct httpd_response *r, int status, const char *title)
{
  struct buf *b = &r->body;
  r->status = status;
  buf_reset(b);
  enum err e = add_headers(r);
  if (!e)
    e = buf_puts(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
  if (!e) e = text(b, title);
  if (!e) e = buf_printf(b, "</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n<h1>", STYLE);
  if (!e) e = text(b, title);
  return e ? e : buf_puts(b, "</h1>\n");
}

static enum err end(struct httpd_response *r)
{
  return buf_puts(&r->body, "</main>\n</body>\n</html>\n");
}

/* extra: further attributes, or "". */
static enum err input(struct buf *b, const char *type, const char *name, const char *value, const char *extra)
{
  enum err e = buf_printf(b, "<input type=\"%s\" name=\"%s\" value=\"", type, name);
  if (!e) e = text(b, value);
  return e ? e : buf_printf(b, "\"%s>\n", extra);
}

/* What happened, why, what to do; in a region that screen readers announce. */
static enum err failure_text(struct buf *b, const struct failure *f)
{
  const struct err_info *info = err_info(f->err);
  enum err e = buf_printf(
      b, "<div class=\"error\" role=\"alert\">\n<p>%s</p>\n<p>Error: <code data-error=\"%s\">%s</code>",
      info->what, info->name, info->name);
  if (!e && *f->why) e = buf_puts(b, ": ");
  if (!e) e = text(b, f->why);
  return e ? e : buf_printf(b, "</p>\n<p>%s</p>\n</div>\n", info->fix);
}

enum err page_logon(struct httpd_response *r, const char *title, const char *user, const char *request,
                    const char *proof, const struct failure *failure)
{
  struct buf *b = &r->body;
  enum err e = begin(r, failure ? err_info(failure->err)->http_status : 200, "Sign in");
  if (!e) e = buf_puts(b, "<p>to continue to <strong>");
  if (!e) e = text(b, title);
  if (!e) e = buf_puts(b, "</strong></p>\n");
  if (!e && failure) e = failure_text(b, failure);
  if (!e) e = buf_puts(b, "<form method=\"post\" action=\"/logon\">\n");
  if (!e) e = input(b, "hidden", "request", request, "");
  if (!e) e = input(b, "hidden", "csrf", proof, "");
  if (!e) e = buf_puts(b, "<label for=\"username\">User name</label>\n");
  if (!e)
    e = input(b, "text", "username", user,
              " id=\"username\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" "
              "required autofocus");
  if (!e) e = buf_puts(b, "<label for=\"password\">Password</label>\n");
  if (!e)
    e = input(b, "password", "password", "", " id=\"password\" autocomplete=\"current-password\" required");
  if (!e) e = buf_puts(b, "<button type=\"submit\">Sign in</button>\n</form>\n");
  return e ? e : end(r);
}

static const char *title_of(int status)
{
  switch (status) {
  case 400:
    return "Request refused";
  case 403:
    return "Forbidden";
  case 404:
    return "Not found";
  case 429:
    return "Too many attempts";
  default:
    return status >= 500 ? "Something failed" : "Request refused";
  }
}

enum err page_failure(struct httpd_response *r, const struct failure *f, const char *trace_id,
                      const char *again)
{
  const struct err_info *info = err_info(f->err);
  struct buf *b = &r->body;
  const struct step *s = step_by_number(info->step);
  int status = info->http_status ? info->http_status : 500;
  enum err e = begin(r, status, title_of(status));
  if (!e) e = failure_text(b, f);
  if (!e) e = buf_puts(b, "<dl>\n");
  if (!e && s) e = buf_printf(b, "<dt>Step</dt>\n<dd>%d (%s)</dd>\n", s->number, s->verb);
  if (!e) e = buf_puts(b, "<dt>Actor</dt>\n<dd>idp</dd>\n");
  if (!e && trace_id)
    e = buf_printf(b, "<dt>Activity id</dt>\n<dd><code data-trace=\"%s\">%s</code></dd>\n", trace_id,
                   trace_id);
  if (!e) e = buf_puts(b, "</dl>\n");
  if (!e && trace_id)
    e = buf_printf(b, "<p>In the lab, <code>./sevenstep trace %.8s</code> shows what happened.</p>\n",
                   trace_id);
  if (!e && again) {
    e = buf_puts(b, "<p><a href=\"");
    if (!e) e = text(b, again);
    if (!e) e = buf_puts(b, "\">Sign in as somebody else</a></p>\n");
  }
  return e ? e : end(r);
}

enum err page_form_post(struct httpd_response *r, const char *action, const char *title,
                        const struct fields *params)
{
  struct buf *b = &r->body;
  enum err e = begin(r, 200, "Signed in");
  if (!e) e = buf_puts(b, "<form method=\"post\" action=\"");
  if (!e) e = text(b, action);
  if (!e) e = buf_puts(b, "\">\n");
  for (size_t i = 0; !e && i < fields_count(params); i++) {
    struct field one = fields_at(params, i);
    e = input(b, "hidden", one.name, one.value, "");
  }
  if (!e) e = buf_puts(b, "<p>You are taken to <strong>");
  if (!e) e = text(b, title);
  if (!e) e = buf_puts(b, "</strong>. If nothing happens, press the button.</p>\n");
  if (!e)
    e = buf_printf(b, "<button type=\"submit\">Continue</button>\n</form>\n<script>%s</script>\n", SCRIPT);
  return e ? e : end(r);
}

enum err page_sign_out(struct httpd_response *r, const char *user, const char *request, const char *proof)
{
  struct buf *b = &r->body;
  enum err e = begin(r, 200, "Sign out?");
  if (!e) e = buf_puts(b, "<p>You are signed in as <strong>");
  if (!e) e = text(b, user);
  if (!e) e = buf_puts(b, "</strong>.</p>\n<form method=\"post\" action=\"/logout\">\n");
  if (!e) e = input(b, "hidden", "request", request, "");
  if (!e) e = input(b, "hidden", "csrf", proof, "");
  if (!e) e = buf_puts(b, "<button type=\"submit\">Sign out</button>\n</form>\n");
  return e ? e : end(r);
}

enum err page_signed_out(struct httpd_response *r)
{
  enum err e = begin(r, 200, "Signed out");
  if (!e)
    e = buf_puts(
        &r->body,
        "<p>You are signed out of this identity provider. Applications that are open may go on until "
        "their own sessions end.</p>\n");
  return e ? e : end(r);
}
