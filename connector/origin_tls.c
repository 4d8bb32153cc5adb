#include "origin_tls.h"

#include <stdlib.h>
#include <string.h>
/* Not the default hash: clang warns of its macro. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

/* One context for each host and way of checking, so that none resumes a session that was checked otherwise.
 * All hosts behind a wildcard have one, as users choose how many those are, and resume nothing. */
struct checked {
  char *name; /* all that it depends on */
  struct tls_ctx *ctx;
  UT_hash_handle hh;
};

struct origin_tls {
  struct connector *c;
  struct checked *contexts;
};

static bool is_https(const struct lab_app *app)
{
  return strcmp(app->internal_url.scheme, "https") == 0;
}

static enum err open_context(struct origin_tls *t, const char *name, const char *ca, bool resumes,
                             struct tls_ctx **ret, struct failure *f)
{
  struct checked *k = calloc(1, sizeof *k);
  enum err e = ERR_OK;
  if (k) k->name = strdup(name);
  if (!k || !k->name) e = failure_set(f, ERR_NOMEM, "no memory");
  if (!e) e = tls_client_ctx_new(ca, NULL, NULL, "http/1.1", &k->ctx, f);
  if (e) {
    if (k) free(k->name);
    free(k);
    return e;
  }
  if (resumes) tls_ctx_resume(k->ctx);
  HASH_ADD_KEYPTR(hh, t->contexts, k->name, strlen(k->name), k);
  *ret = k->ctx;
  return ERR_OK;
}

/* How much of the host is the label of a wildcard. */
static size_t label_of(const struct lab_app *app)
{
  size_t n = app->label ? strlen(app->label) : 0;
  return n && strncmp(app->internal_url.host, app->label, n) == 0 && app->internal_url.host[n] == '.' ? n : 0;
}

enum err origin_tls_get(struct origin_tls *t, const struct lab_app *app, struct tls_ctx **ret,
                        struct failure *f)
{
  char ca[4096 + 128] = "", name[sizeof ca + 512];
  const char *file = app->backend_ca ? app->backend_ca : "pki/ca.crt";
  struct checked *k;
  *ret = NULL;
  if (!is_https(app)) return ERR_OK;
  if (app->validate_certificate && *file == '/')
    snprintf(ca, sizeof ca, "%s", file);
  else if (app->validate_certificate)
    actor_path(t->c->actor, ca, "%s", file);
  size_t label = label_of(app);
  snprintf(name, sizeof name, "%s%s:%u %s", label ? "*" : "", app->internal_url.host + label,
           app->internal_url.port, ca);
  HASH_FIND_STR(t->contexts, name, k);
  if (!k) return open_context(t, name, ca[0] ? ca : NULL, !label, ret, f);
  *ret = k->ctx;
  return ERR_OK;
}

enum err origin_tls_new(struct connector *c, struct origin_tls **ret, struct failure *f)
{
  struct tls_ctx *ctx;
  enum err e = ERR_OK;
  struct origin_tls *t = calloc(1, sizeof *t);
  if (!t) return failure_set(f, ERR_NOMEM, "no memory");
  t->c = c;
  for (size_t i = 0; i < c->lab->n_apps && !e; i++) {
    const struct lab_app *app = &c->lab->apps[i];
    if (is_https(app) && strcmp(app->connector_group, c->me->group) == 0) e = origin_tls_get(t, app, &ctx, f);
  }
  if (e)
    origin_tls_free(t);
  else
    *ret = t;
  return e;
}

void origin_tls_free(struct origin_tls *t)
{
  struct checked *k, *next;
  if (!t) return;
  HASH_ITER(hh, t->contexts, k, next)
  {
    HASH_DEL(t->contexts, k);
    tls_ctx_free(k->ctx);
    free(k->name);
    free(k);
  }
  free(t);
}
