/* The pages the cloud shows itself. Plain HTML without script; everything that came from outside is escaped.
 */
#include "exchange.h"

#include "encode.h"

#include <string.h>

static const char HEAD[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<style>\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 "
    "1rem;color:#1b1b1b;background:#fff}\n"
    "h1{font-size:1.5rem}dt{font-weight:600;margin-top:.8rem}dd{margin:0}code{background:#f2f2f2;padding:."
    "1em .3em}\n"
    "</style>\n</head>\n<body>\n<main>\n";

enum err page_begin(struct buf *out, const char *title)
{
  enum err e = buf_printf(out, HEAD, title);
  return e ? e : buf_printf(out, "<h1>%s</h1>\n", title);
}

enum err page_end(struct buf *out)
{
  return buf_puts(out, "</main>\n</body>\n</html>\n");
}

static enum err term(struct buf *out, const char *name, const char *text)
{
  if (!*text) return ERR_OK;
  enum err e = buf_printf(out, "<dt>%s</dt>\n<dd>", name);
  if (!e) e = html_escape(out, text, strlen(text));
  if (!e) e = buf_puts(out, "</dd>\n");
  return e;
}

static const char *title_for(const struct err_info *info)
{
  switch (info->http_status) {
  case 401:
    return "Sign in first";
  case 403:
    return "Forbidden";
  case 404:
    return "Not found";
  case 429:
    return "Too many requests";
  case 502:
    return "Bad gateway";
  case 503:
    return info == err_info(ERR_APP_MAINTENANCE) ? "Down for maintenance" : "Service unavailable";
  case 504:
    return "Gateway timeout";
  default:
    return info->http_status >= 500 ? "Something failed" : "Request refused";
  }
}

enum err page_failure(const struct exchange *x, const struct failure *f, struct buf *out)
{
  const struct err_info *info = err_info(f->err);
  const char *title = title_for(info);
  char id[33], event[32] = "", step[64] = "";
  trace_id_format(&x->ctx, id);
  if (info->event) snprintf(event, sizeof event, "%d", info->event);
  const struct step *s = step_by_number(info->step);
  if (s) snprintf(step, sizeof step, "%d (%s)", s->number, s->verb);
  enum err e = page_begin(out, title);
  if (!e) e = buf_printf(out, "<p>%s</p>\n<dl>\n", info->what);
  if (!e) e = term(out, "Step", step);
  if (!e) e = term(out, "Actor", info->actor);
  if (!e) e = term(out, "Why", f->why);
  if (!e) e = term(out, "What to do", info->fix);
  if (!e) e = term(out, "Event number in Microsoft's connector log", event);
  if (!e)
    e = buf_printf(out,
                   "<dt>Error</dt>\n<dd><code data-error=\"%s\">%s</code></dd>\n"
                   "<dt>Activity id</dt>\n<dd><code data-trace=\"%s\">%s</code></dd>\n</dl>\n"
                   "<p>In the lab, <code>./sevenstep trace %.8s</code> shows what "
                   "happened.</p>\n",
                   info->name, info->name, id, id, id);
  return e ? e : page_end(out);
}
