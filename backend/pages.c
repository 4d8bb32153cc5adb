#include "pages.h"

#include "encode.h"
#include "json_text.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
static const char style[] =
    "</title>\n<style>\nbody{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:3rem auto;padding:0 "
    "1rem;"
    "color:#1b1b1b;background:#fff}\nh1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}"
    "dt{font-weight:600;margin-top:.6rem}dd{margin:0}code{background:#f2f2f2;padding:.1em "
    ".3em;overflow-wrap:anywhere}\n"
    "th{text-align:left;vertical-align:top;padding-right:1rem;font-weight:600}\n</style>\n</"
    "head>\n<body>\n<main>\n";
static const char tail[] = "</main>\n</body>\n</html>\n";

static enum err escaped(struct buf *out, const char *text)
{
  return html_escape(out, text, strlen(text));
}

static enum err term(struct buf *out, const char *name, const char *value)
{
  if (!*value) return ERR_OK;
  enum err e = buf_printf(out, "<dt>%s</dt><dd><code>", name);
  if (!e) e = escaped(out, value);
  return e ? e : buf_puts(out, "</code></dd>\n");
}

static void time_text(int64_t seconds, char out[32])
{
  time_t t = (time_t)seconds;
  struct tm tm;
  out[0] = '\0';
  if (gmtime_r(&t, &tm)) strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* The request's fields; what proves who somebody is, is named by a short hash and not shown. */
static const char *shown_value(const struct field *field, char out[64])
{
  char hash[9];
  if (strcasecmp(field->name, "Authorization") != 0) return field->value;
  log_fingerprint(hash, field->value, field->value_len);
  int scheme = (int)strcspn(field->value, " ");
  snprintf(out, 64, "%.*s sha256:%s (%zu bytes)", scheme > 20 ? 20 : scheme, field->value, hash,
           field->value_len);
  return out;
}

/* -- HTML ------------------------------------------------------------------------------------------------ */

static enum err html_ticket(struct buf *out, const struct krb_accepted *w)
{
  char from[32], until[32], kvno[16];
  time_text(w->start_time_s, from);
  time_text(w->end_time_s, until);
  snprintf(kvno, sizeof kvno, "%d", w->kvno);
  enum err e = buf_puts(out, "<h2>How the ticket came</h2>\n<dl>\n");
  if (!e) e = term(out, "Delegated by", w->delegated ? w->delegated_by : "nobody: the user's own ticket");
  if (!e) e = term(out, "Delegated to", w->delegated_target);
  if (!e) e = term(out, "Client", w->client);
  if (!e) e = term(out, "Server", w->target);
  if (!e) e = term(out, "Mechanism", w->mechanism);
  if (!e) e = term(out, "Context", w->flags);
  if (!e) e = term(out, "Channel", w->channel_bound ? "bound to this server's certificate" : "not bound");
  if (!e) e = term(out, "Ticket flags", w->ticket_flags);
  if (!e) e = term(out, "Encryption type", w->enctype);
  if (!e) e = term(out, "Key version", kvno);
  if (!e) e = term(out, "Valid from", from);
  if (!e) e = term(out, "Valid until", until);
  return e ? e : buf_puts(out, "</dl>\n");
}

/* The user's and his groups' identifiers are the domain's with a number behind it (MS-PAC 2.5). */
static void sid_text(const struct logon_info *l, uint32_t rid, char out[static PAC_SID_MAX + 16])
{
  out[0] = '\0';
  if (l->domain_sid[0]) snprintf(out, PAC_SID_MAX + 16, "%s-%" PRIu32, l->domain_sid, rid);
}

/* Calls with each identifier of a group that was kept, those of the domain first. */
static enum err each_group(const struct logon_info *l, enum err (*tell)(struct buf *out, const char *sid),
                           struct buf *out)
{
  char sid[PAC_SID_MAX + 16];
  enum err e = ERR_OK;
  for (size_t i = 0; i < l->groups && i < PAC_GROUPS_MAX && !e; i++) {
    sid_text(l, l->group_rid[i], sid);
    if (sid[0]) e = tell(out, sid);
  }
  for (size_t i = 0; i < l->sids && i < PAC_SIDS_MAX && !e; i++)
    e = tell(out, l->sid[i]);
  return e;
}

static size_t groups_left_out(const struct logon_info *l)
{
  return (l->groups > PAC_GROUPS_MAX ? l->groups - PAC_GROUPS_MAX : 0) +
         (l->sids > PAC_SIDS_MAX ? l->sids - PAC_SIDS_MAX : 0);
}

static enum err html_group(struct buf *out, const char *sid)
{
  return term(out, "Group", sid);
}

static enum err html_logon(struct buf *out, const struct logon_info *l)
{
  char sid[PAC_SID_MAX + 16], logon[32] = "", left_out[32] = "";
  enum err e = buf_puts(out, "<h2>Who the ticket's PAC says you are</h2>\n");
  if (!e && !l)
    return buf_puts(
        out, "<p id=\"logon\">It has no logon info: MIT's KDC writes none, Active Directory does.</p>\n");
  sid_text(l, l->user_rid, sid);
  if (l->logon_time_s) time_text(l->logon_time_s, logon);
  if (groups_left_out(l)) snprintf(left_out, sizeof left_out, "%zu more", groups_left_out(l));
  if (!e) e = buf_puts(out, "<dl id=\"logon\">\n");
  if (!e) e = term(out, "Account", l->account);
  if (!e) e = term(out, "Full name", l->full_name);
  if (!e) e = term(out, "Domain", l->domain);
  if (!e) e = term(out, "Security identifier", sid);
  if (!e) e = each_group(l, html_group, out);
  if (!e) e = term(out, "Groups", left_out);
  if (!e) e = term(out, "Logon server", l->server);
  if (!e) e = term(out, "Logged on", logon);
  return e ? e : buf_puts(out, "</dl>\n");
}

static enum err html_request(struct buf *out, const struct httpd_request *q)
{
  enum err e = buf_puts(out, "<h2>The request as received</h2>\n<p><code>");
  if (!e) e = escaped(out, q->method);
  if (!e) e = buf_putc(out, ' ');
  if (!e) e = escaped(out, q->target);
  if (!e) e = buf_puts(out, "</code></p>\n<table>\n");
  for (size_t i = 0; i < fields_count(q->fields) && !e; i++) {
    struct field field = fields_at(q->fields, i);
    char redacted[64];
    e = buf_puts(out, "<tr><th>");
    if (!e) e = escaped(out, field.name);
    if (!e) e = buf_puts(out, "</th><td><code>");
    if (!e) e = escaped(out, shown_value(&field, redacted));
    if (!e) e = buf_puts(out, "</code></td></tr>\n");
  }
  return e ? e : buf_puts(out, "</table>\n");
}

enum err page_whoami(const struct visit *v, struct httpd_response *r)
{
  struct buf *out = &r->body;
  const char *title = v->app ? v->app->title : "An application without a name";
  enum err e = buf_puts(out, head);
  if (!e) e = escaped(out, title);
  if (!e) e = buf_puts(out, style);
  if (!e) e = buf_puts(out, "<h1>");
  if (!e) e = escaped(out, title);
  if (!e)
    e = buf_puts(out, v->authenticated ? "</h1>\n<p>You are <strong id=\"principal\">"
                                       : "</h1>\n<p>This application asks nobody who they are.</p>\n");
  if (!e && v->authenticated) e = escaped(out, v->who.client);
  if (!e && v->authenticated) e = buf_puts(out, "</strong>.</p>\n");
  if (!e && v->authenticated) e = html_ticket(out, &v->who);
  if (!e && v->authenticated) e = html_logon(out, v->who.logon);
  if (!e) e = html_request(out, v->request);
  if (!e) e = buf_puts(out, tail);
  return e ? e : fields_set(&r->fields, "Content-Type", "text/html; charset=utf-8");
}

/* -- JSON ------------------------------------------------------------------------------------------------ */

static enum err quoted(struct buf *out, const char *text)
{
  return json_text_append(out, text, strlen(text));
}

static enum err member(struct buf *out, const char *before, const char *name, const char *value)
{
  enum err e = buf_printf(out, "%s\"%s\":", before, name);
  if (e) return e;
  return value ? quoted(out, value) : buf_puts(out, "null");
}

static enum err json_group(struct buf *out, const char *sid)
{
  enum err e = out->data[out->len - 1] == '[' ? ERR_OK : buf_putc(out, ',');
  return e ? e : quoted(out, sid);
}

static enum err json_logon(struct buf *out, const struct logon_info *l)
{
  char sid[PAC_SID_MAX + 16];
  if (!l) return buf_puts(out, "null");
  sid_text(l, l->user_rid, sid);
  enum err e = member(out, "{", "account", l->account);
  if (!e) e = member(out, ",", "full_name", l->full_name);
  if (!e) e = member(out, ",", "domain", l->domain);
  if (!e) e = member(out, ",", "sid", sid[0] ? sid : NULL);
  if (!e) e = member(out, ",", "logon_server", l->server);
  if (!e) e = buf_printf(out, ",\"logon_time\":%" PRId64 ",\"groups\":[", l->logon_time_s);
  if (!e) e = each_group(l, json_group, out);
  return e ? e : buf_printf(out, "],\"groups_left_out\":%zu}", groups_left_out(l));
}

static enum err json_ticket(struct buf *out, const struct krb_accepted *w)
{
  enum err e = member(out, "{", "client", w->client);
  if (!e) e = member(out, ",", "server", w->target);
  if (!e) e = member(out, ",", "mechanism", w->mechanism);
  if (!e) e = member(out, ",", "context_flags", w->flags);
  if (!e) e = member(out, ",", "flags", w->ticket_flags);
  if (!e) e = member(out, ",", "enctype", w->enctype);
  if (!e)
    e = buf_printf(out,
                   ",\"kvno\":%d,\"channel_bound\":%s,\"auth_time\":%" PRId64 ",\"start_time\":%" PRId64
                   ",\"end_time\":%" PRId64 ",\"delegated\":%s",
                   w->kvno, w->channel_bound ? "true" : "false", w->auth_time_s, w->start_time_s,
                   w->end_time_s, w->delegated ? "true" : "false");
  if (!e) e = member(out, ",", "delegated_by", w->delegated ? w->delegated_by : NULL);
  if (!e) e = member(out, ",", "delegated_target", w->delegated ? w->delegated_target : NULL);
  if (!e) e = buf_puts(out, ",\"logon\":");
  if (!e) e = json_logon(out, w->logon);
  return e ? e : buf_putc(out, '}');
}

static enum err json_request(struct buf *out, const struct httpd_request *q)
{
  enum err e = member(out, "{", "method", q->method);
  if (!e) e = member(out, ",", "target", q->target);
  if (!e) e = member(out, ",", "peer", q->peer_ip);
  if (!e) e = buf_puts(out, ",\"fields\":[");
  for (size_t i = 0; i < fields_count(q->fields) && !e; i++) {
    struct field field = fields_at(q->fields, i);
    char redacted[64];
    e = buf_puts(out, i ? ",[" : "[");
    if (!e) e = quoted(out, field.name);
    if (!e) e = buf_putc(out, ',');
    if (!e) e = quoted(out, shown_value(&field, redacted));
    if (!e) e = buf_putc(out, ']');
  }
  return e ? e : buf_puts(out, "]}");
}

enum err json_whoami(const struct visit *v, struct httpd_response *r)
{
  char trace_id[33];
  struct buf *out = &r->body;
  trace_id_format(&v->span.ctx, trace_id);
  enum err e = member(out, "{", "application", v->app ? v->app->name : NULL);
  if (!e) e = member(out, ",", "user", v->authenticated ? v->who.client : NULL);
  if (!e) e = buf_puts(out, ",\"ticket\":");
  if (!e) e = v->authenticated ? json_ticket(out, &v->who) : buf_puts(out, "null");
  if (!e) e = buf_puts(out, ",\"request\":");
  if (!e) e = json_request(out, v->request);
  if (!e) e = member(out, ",", "trace_id", trace_id);
  if (!e) e = buf_puts(out, "}\n");
  return e ? e : fields_set(&r->fields, "Content-Type", "application/json");
}

bool wants_json(const struct httpd_request *q)
{
  const char *accept = fields_get(q->fields, "Accept");
  return accept && strstr(accept, "application/json") && !strstr(accept, "text/html");
}

/* -- failures -------------------------------------------------------------------------------------------- */

enum err page_failure(struct httpd_response *r, const struct failure *f, const char *trace_id)
{
  const struct err_info *info = err_info(f->err);
  struct buf *out = &r->body;
  const char *title = info->http_status == 401 ? "Show a ticket first" : "Request refused";
  buf_reset(out);
  r->status = info->http_status ? info->http_status : 500;
  enum err e = buf_printf(out, "%s%s%s<h1>%s</h1>\n<p>%s</p>\n<dl>\n", head, title, style, title, info->what);
  if (!e) e = term(out, "Step", info->step == 6 ? "6 (verify)" : "");
  if (!e) e = term(out, "Why", f->why);
  if (!e) e = term(out, "What to do", info->fix);
  if (!e)
    e = buf_printf(out, "<dt>Error</dt><dd><code data-error=\"%s\">%s</code></dd>\n", info->name, info->name);
  if (!e && trace_id)
    e = buf_printf(out, "<dt>Activity id</dt><dd><code data-trace=\"%s\">%s</code></dd>\n", trace_id,
                   trace_id);
  if (!e) e = buf_printf(out, "</dl>\n%s", tail);
  if (!e) e = fields_set(&r->fields, "Content-Type", "text/html; charset=utf-8");
  return e ? e : fields_set(&r->fields, "Sevenstep-Error", info->name);
}
