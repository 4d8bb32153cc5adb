/* The cloud's own page at home_url: the applications that are assigned to the user, each with its title and a
 * link. For the identity provider the page is an application like the others, so its logon is steps 1 to 3;
 * here the way ends, for nothing of it is inside. Those that are passed through are nobody's, and not listed;
 * those that have wildcards only have no link to open.
 */
#include "cors.h"

#include "encode.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the page links to: the application's URL, or the first of its segments', that has no "*". NULL: none.
 */
static const char *link_of(const struct lab_app *app)
{
  if (!lab_is_wildcard(app->external_url.host)) return app->external_url.text;
  for (size_t i = 0; i < app->n_segments; i++)
    if (!lab_is_wildcard(app->segments[i].external_url.host)) return app->segments[i].external_url.text;
  return NULL;
}

static bool is_listed(const struct lab *lab, const struct lab_app *app, const struct lab_user *user)
{
  return app->preauth == PREAUTH_AAD && link_of(app) && user && lab_user_assigned(lab, app, user);
}

/* -- as a page ------------------------------------------------------------------------------------------- */

static enum err escaped(struct buf *out, const char *before, const char *text, const char *after)
{
  enum err e = buf_puts(out, before);
  if (!e) e = html_escape(out, text, strlen(text));
  return e ? e : buf_puts(out, after);
}

static enum err page_list(const struct exchange *x, const struct lab_user *user, struct buf *out)
{
  const struct lab *lab = x->lab;
  size_t n = 0;
  enum err e = escaped(out, "<p>Signed in as ", x->session.upn, ".</p>\n");
  for (size_t i = 0; i < lab->n_apps && !e; i++) {
    const struct lab_app *app = &lab->apps[i];
    if (!is_listed(lab, app, user)) continue;
    e = escaped(out, n++ ? "<li><a href=\"" : "<ul>\n<li><a href=\"", link_of(app), "\">");
    if (!e) e = escaped(out, "", app->title, "</a></li>\n");
  }
  if (!e) e = buf_puts(out, n ? "</ul>\n" : "<p>No application is assigned to you.</p>\n");
  return e ? e : buf_puts(out, "<p><a href=\"/.sevenstep/logout\">Sign out of this page</a></p>\n");
}

static enum err as_page(const struct exchange *x, const struct lab_user *user, struct buf *out)
{
  enum err e = page_begin(out, x->app->title);
  if (!e) e = page_list(x, user, out);
  return e ? e : page_end(out);
}

/* -- as JSON --------------------------------------------------------------------------------------------- */

static json_t *json_list(const struct lab *lab, const struct lab_user *user)
{
  json_t *list = json_array();
  for (size_t i = 0; list && i < lab->n_apps; i++) {
    const struct lab_app *app = &lab->apps[i];
    if (!is_listed(lab, app, user)) continue;
    json_t *row = json_pack("{s:s, s:s, s:s}", "name", app->name, "title", app->title, "url", link_of(app));
    if (json_array_append_new(list, row)) json_decref(list), list = NULL;
  }
  return list;
}

static enum err as_json(const struct exchange *x, const struct lab_user *user, struct buf *out)
{
  json_t *all = json_pack("{s:s, s:o}", "user", x->session.upn, "applications", json_list(x->lab, user));
  char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
  enum err e = text ? buf_printf(out, "%s\n", text) : ERR_NOMEM;
  free(text);
  json_decref(all);
  return e;
}

/* -- the answer ------------------------------------------------------------------------------------------ */

/* JSON for whom asks for it and not for a page. */
static bool wants_json(const struct exchange *x)
{
  const char *accept = fields_get(&x->head->fields, "Accept");
  return accept && strcasestr(accept, "application/json") && !strcasestr(accept, "text/html");
}

static void answer(struct exchange *x)
{
  const struct lab_user *user = lab_user_by_upn(x->lab, x->session.upn);
  bool json = wants_json(x);
  struct buf body;
  struct fields f;
  buf_init(&body, 1024 * 1024);
  fields_init(&f, 2, 256);
  span_str(&x->step, "sevenstep.application", x->app->name);
  span_str(&x->step, "sevenstep.upn", x->session.upn);
  enum err e = fields_add(&f, "Vary", "Accept");
  if (!e) e = json ? as_json(x, user, &body) : as_page(x, user, &body);
  if (e)
    exchange_abort(x);
  else
    exchange_respond(x, 200, &f, json ? "application/json" : "text/html; charset=utf-8", body.data, body.len);
  buf_clear(&body);
  fields_clear(&f);
}

void home(struct exchange *x)
{
  const char *target = buf_str(&x->head->target), *method = x->head->method;
  bool known = target[0] == '/' && (target[1] == 0 || target[1] == '?');
  bool read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
  if (known && read && !x->session.upn[0]) {
    if (asks_as_script(x))
      refuse_script(x, ERR_SIGN_IN_REQUIRED);
    else
      step1_redirect(x);
    return;
  }
  span_start(&x->step, x->cloud->actor->tracer, 0, SPAN_SERVER, "home", &x->ctx, true);
  x->ctx = x->step.ctx;
  if (known && read) {
    answer(x);
    return;
  }
  struct failure f;
  if (known)
    failure_set(&f, ERR_HTTP_METHOD_REFUSED, "%s; the page is opened with GET", method);
  else
    failure_set(&f, ERR_NOT_FOUND, "the home page is at /");
  exchange_fail(x, &f);
}
