#include "links.h"

#include "coding.h"
#include "encode.h"

#include <stdio.h>
#include <string.h>

static enum err links_to_all(const struct lab *lab, struct buf *out)
{
  enum err e = buf_puts(out, "<ul>\n");
  for (size_t i = 0; i < lab->n_published && !e; i++) {
    const struct lab_app *app = &lab->published[i];
    if (lab_is_wildcard(app->internal_url.host)) continue;
    e = buf_printf(out, "<li><a id=\"%s%s%s\" href=\"%s?a=1&amp;b=2\">", app->name, app->segment ? "-" : "",
                   app->segment ? app->segment : "", app->internal_url.text);
    if (!e) e = html_escape(out, app->title, strlen(app->title));
    if (!e) e = buf_puts(out, "</a>\n");
  }
  return e ? e : buf_puts(out, "</ul>\n");
}

/* own: http://HOST/links, as the application is asked for. */
static enum err write_page(const struct lab *lab, const char *own, struct buf *out)
{
  enum err e =
      buf_printf(out,
                 "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Links</title>\n"
                 "<link rel=\"stylesheet\" href=\"%s/style.css\">\n"
                 "<style>body { background: url(%s/background.png) }</style>\n"
                 "<script>var here = \"%s/\";</script>\n"
                 "<!-- <a href=\"%s/comment\"> -->\n<h1>Links</h1>\n",
                 own, own, own, own);
  if (!e) e = links_to_all(lab, out);
  if (e) return e;
  return buf_printf(
      out,
      "<p>%s/text\n<a id=path href=/links/path>by path</a>\n<a id=relative href=relative>relative</a>\n"
      "<a id=elsewhere href=\"http://elsewhere.test/?to=%s/\">elsewhere</a>\n"
      "<img id=image alt=\"\" srcset=\"%s/small.png 1x, %s/large.png 2x\" style=\"content: "
      "url('%s/image.png')\">\n"
      "<form id=form action='%s/form'></form>\n</html>\n",
      own, own, own, own, own, own);
}

static enum err write_style(const char *own, struct buf *out)
{
  return buf_printf(
      out, "@import \"%s/more.css\";\n/* url(%s/comment.png) */\nbody { background: url(%s/body.png) }\n",
      own, own, own);
}

static enum coding accepted(const struct httpd_request *q)
{
  const char *list = fields_get(q->fields, "Accept-Encoding");
  if (list && strstr(list, "gzip")) return CODING_GZIP;
  return list && strstr(list, "deflate") ? CODING_DEFLATE : CODING_IDENTITY;
}

static enum err compress(enum coding coding, struct buf *body)
{
  struct encoder *encoder;
  struct buf coded;
  enum err e = encoder_new(coding, &encoder);
  if (e) return e;
  buf_init(&coded, body->max);
  e = encoder_put(encoder, body->data, body->len, &coded);
  if (!e) e = encoder_end(encoder, &coded);
  buf_reset(body);
  if (!e) e = buf_append(body, coded.data, coded.len);
  buf_clear(&coded);
  encoder_free(encoder);
  return e;
}

static enum err write_links(const struct visit *v, const struct httpd_request *q, struct httpd_response *r)
{
  char own[300];
  const char *host = fields_get(q->fields, "Host");
  bool style = strcmp(q->path, "/links/style.css") == 0;
  enum coding coding = accepted(q);
  snprintf(own, sizeof own, "%s://%.250s/links", q->tls ? "https" : "http", host ? host : "");
  enum err e = style ? write_style(own, &r->body) : write_page(v->lab, own, &r->body);
  if (!e) e = fields_set(&r->fields, "Content-Type", style ? "text/css" : "text/html; charset=utf-8");
  if (!e) e = fields_set(&r->fields, "ETag", "\"links-1\"");
  if (!e) e = fields_set(&r->fields, "Vary", "Accept-Encoding");
  if (e || coding == CODING_IDENTITY) return e;
  e = compress(coding, &r->body);
  if (!e && strcmp(q->query, "broken") == 0) memset(r->body.data + r->body.len / 2, 0xff, r->body.len / 4);
  return e ? e : fields_set(&r->fields, "Content-Encoding", coding == CODING_GZIP ? "gzip" : "deflate");
}

void handle_links(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  if (!visit_begin(&v, q->arg, q) && write_links(&v, q, r)) r->status = 500;
  visit_end(&v, r);
}
