#include "cors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* -- rules ----------------------------------------------------------------------------------------------- */

static bool contains(const struct lab_strings *list, const char *text)
{
  for (size_t i = 0; i < list->n; i++)
    if (strcmp(list->v[i], text) == 0) return true;
  return false;
}

/* The only Origin of the request; NULL when there is none, or there are several, which no browser sends. */
static const char *origin_of(const struct exchange *x)
{
  const char *origin = NULL;
  for (size_t i = 0; i < fields_count(&x->head->fields); i++) {
    struct field field = fields_at(&x->head->fields, i);
    if (!http_name_is(field.name, field.name_len, "Origin")) continue;
    if (origin) return NULL;
    origin = field.value;
  }
  return origin;
}

/* Byte for byte: an origin has one spelling (RFC 6454 6.2), and "null" is nobody's. */
static const struct lab_cors *rule_for(const struct exchange *x)
{
  const char *origin = origin_of(x);
  for (size_t i = 0; origin && i < x->app->n_cors; i++)
    if (contains(&x->app->cors[i].origins, origin)) return &x->app->cors[i];
  return NULL;
}

/* What browsers do not ask about (Fetch 2.2.1), in case somebody does. */
static bool is_plain_method(const char *method)
{
  return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "POST") == 0;
}

static bool header_allowed(const struct lab_cors *rule, const char *name, size_t n)
{
  for (size_t i = 0; i < rule->headers.n; i++)
    if (strlen(rule->headers.v[i]) == n && strncasecmp(rule->headers.v[i], name, n) == 0) return true;
  return false;
}

/* The first of a list of field names that the rule does not allow; *ret_n 0: all are. */
static const char *first_refused(const struct lab_cors *rule, const char *list, size_t *ret_n)
{
  const char *at = list ? list : "";
  for (;;) {
    at += strspn(at, ", \t");
    *ret_n = strcspn(at, ", \t");
    if (*ret_n == 0 || !header_allowed(rule, at, *ret_n)) return at;
    at += *ret_n;
  }
}

/* -- fields ---------------------------------------------------------------------------------------------- */

static bool is_cors_field(const struct field *field, void *arg)
{
  (void)arg;
  static const char prefix[] = "Access-Control-";
  return field->name_len >= sizeof prefix - 1 && strncasecmp(field->name, prefix, sizeof prefix - 1) == 0;
}

/* first, then the list, with commas between. No field when both are empty. */
static enum err add_list(struct fields *f, const char *name, const char *first,
                         const struct lab_strings *list)
{
  struct buf value;
  buf_init(&value, 16384);
  enum err e = buf_puts(&value, first);
  for (size_t i = 0; i < list->n && !e; i++)
    e = buf_printf(&value, "%s%s", value.len ? ", " : "", list->v[i]);
  if (!e && value.len) e = fields_add(f, name, buf_str(&value));
  buf_clear(&value);
  return e;
}

static enum err add_origin(const struct exchange *x, const struct lab_cors *rule, struct fields *f)
{
  enum err e = fields_add(f, "Access-Control-Allow-Origin", origin_of(x));
  return e || !rule->credentials ? e : fields_add(f, "Access-Control-Allow-Credentials", "true");
}

enum err cors_response(const struct exchange *x, struct fields *f)
{
  if (!x->app || x->app->n_cors == 0 || x->preflight) return ERR_OK;
  const struct lab_cors *rule = rule_for(x);
  fields_remove_if(f, is_cors_field, NULL);
  enum err e = fields_add(f, "Vary", "Origin");
  if (!rule || e) return e;
  e = add_origin(x, rule, f);
  return e ? e : add_list(f, "Access-Control-Expose-Headers", "", &rule->exposed_headers);
}

/* -- preflights ------------------------------------------------------------------------------------------ */

static enum err check_preflight(const struct exchange *x, const struct lab_cors *rule, struct failure *f)
{
  const char *method = fields_get(&x->head->fields, "Access-Control-Request-Method");
  const char *origin = origin_of(x);
  if (!rule)
    return failure_set(f, ERR_CORS_REFUSED, "no rule has the origin %.200s", origin ? origin : "(several)");
  if (!is_plain_method(method) && !contains(&rule->methods, method))
    return failure_set(f, ERR_CORS_REFUSED, "the rule for %.200s does not have the method %.40s", origin,
                       method);
  size_t n;
  const char *header =
      first_refused(rule, fields_get(&x->head->fields, "Access-Control-Request-Headers"), &n);
  if (n)
    return failure_set(f, ERR_CORS_REFUSED, "the rule for %.200s does not have the header %.*s", origin,
                       (int)(n < 60 ? n : 60), header);
  return ERR_OK;
}

static enum err preflight_fields(const struct exchange *x, const struct lab_cors *rule, struct fields *f)
{
  char age[16];
  snprintf(age, sizeof age, "%u", rule->max_age_s);
  enum err e = add_origin(x, rule, f);
  if (!e) e = add_list(f, "Access-Control-Allow-Methods", "GET, HEAD, POST", &rule->methods);
  if (!e) e = add_list(f, "Access-Control-Allow-Headers", "", &rule->headers);
  return e ? e : fields_add(f, "Access-Control-Max-Age", age);
}

bool cors_preflight(struct exchange *x)
{
  const struct fields *request = &x->head->fields;
  struct failure why = {0};
  struct fields f;
  if (x->app->n_cors == 0 || strcmp(x->head->method, "OPTIONS") != 0 || !fields_get(request, "Origin") ||
      !fields_get(request, "Access-Control-Request-Method"))
    return false;
  span_start(&x->step, x->cloud->actor->tracer, 0, SPAN_SERVER, "preflight", &x->ctx,
             tracer_sample(x->cloud->actor->tracer));
  x->ctx = x->step.ctx;
  span_str(&x->step, "sevenstep.application", x->app->name);
  exchange_trace_request(x);
  x->preflight = true;
  const struct lab_cors *rule = rule_for(x);
  if (check_preflight(x, rule, &why)) {
    exchange_fail(x, &why);
    return true;
  }
  fields_init(&f, 16, 64 * 1024);
  enum err e =
      fields_add(&f, "Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  if (!e) e = preflight_fields(x, rule, &f);
  if (e)
    exchange_abort(x);
  else
    exchange_respond(x, 204, &f, NULL, "", 0);
  fields_clear(&f);
  return true;
}

/* -- scripts and the logon ------------------------------------------------------------------------------- */

bool asks_as_script(const struct exchange *x)
{
  const struct fields *f = &x->head->fields;
  const char *mode = fields_get(f, "Sec-Fetch-Mode"), *accept = fields_get(f, "Accept"),
             *method = x->head->method;
  if (mode)
    return strcmp(mode, "cors") == 0 || strcmp(mode, "same-origin") == 0 || strcmp(mode, "websocket") == 0;
  if (fields_get(f, "X-Requested-With")) return true;
  /* Navigation by GET carries no Origin (Fetch 3.2). */
  if (fields_get(f, "Origin") && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)) return true;
  return accept && *accept && !strcasestr(accept, "html") && !strstr(accept, "*/*") &&
         !strcasestr(accept, "text/*");
}

static char *script_text(const struct exchange *x, const struct failure *f)
{
  const struct err_info *info = err_info(f->err);
  char id[33];
  trace_id_format(&x->ctx, id);
  json_t *all = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "error", info->name, "what", info->what, "fix",
                          info->fix, "step", info->step, "trace", id, "logon", x->app->external_url.text);
  char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
  json_decref(all);
  return text;
}

/* RFC 9110 15.5.2 wants a challenge; this one says that the logon ends with a cookie. */
static enum err challenge(const struct exchange *x, struct fields *f)
{
  struct buf value;
  buf_init(&value, 4096);
  enum err e =
      buf_printf(&value, "Cookie realm=\"%s\", form-action=\"%s\"", x->app->name, x->app->external_url.text);
  if (!e) e = fields_add(f, "WWW-Authenticate", buf_str(&value));
  buf_clear(&value);
  return e;
}

void refuse_script(struct exchange *x, enum err why)
{
  struct failure f;
  struct fields fields;
  span_start(&x->step, x->cloud->actor->tracer, 1, SPAN_SERVER, NULL, &x->ctx, true);
  x->ctx = x->step.ctx;
  span_str(&x->step, "sevenstep.application", x->app->name);
  exchange_trace_request(x);
  failure_set(&f, why, "a script asked");
  atomic_fetch_add_explicit(&x->cloud->counters.failures, 1, memory_order_relaxed);
  span_fail(&x->step, &f);
  fields_init(&fields, 4, 8192);
  char *text = script_text(x, &f);
  enum err e = text ? challenge(x, &fields) : ERR_NOMEM;
  if (!e) e = fields_add(&fields, "Sevenstep-Error", err_info(why)->name);
  if (e)
    exchange_abort(x);
  else
    exchange_respond(x, 401, &fields, "application/json", text, strlen(text));
  free(text);
  fields_clear(&fields);
}
