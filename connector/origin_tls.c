#include "origin_tls.h"

#include <stdlib.h>
#include <string.h>
/* Not the default hash: clang warns of its macro. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

/* A file of authorities, which is read once however many applications name it. */
struct authorities {
  char *path;
  struct tls_trust *trust; /* NULL: not read yet */
  unsigned reloads;        /* when that was done */
  UT_hash_handle hh;
};

/* One context for each host and way of checking, so that none resumes a session that was checked otherwise.
 * All hosts behind a wildcard have one, as users choose how many those are, and resume nothing. */
struct checked {
  char *name;                     /* all that it depends on */
  const struct authorities *from; /* NULL: anybody's certificate will do */
  struct tls_ctx *ctx;
  UT_hash_handle hh;
};

struct origin_tls {
  struct connector *c;
  struct authorities *files;
  struct checked *contexts;
  unsigned reloads;
};

static bool is_https(const struct lab_app *app)
{
  return strcmp(app->internal_url.scheme, "https") == 0;
}

/* -- authorities ----------------------------------------------------------------------------------------- */

static void path_of(const struct origin_tls *t, const struct lab_app *app, char path[static 4096 + 128])
{
  const char *file = app->backend_ca ? app->backend_ca : "pki/ca.crt";
  if (*file == '/')
    snprintf(path, 4096 + 128, "%s", file);
  else
    actor_path(t->c->actor, path, "%s", file);
}

/* What was read before stays where the file is not right. */
static enum err read_file(struct origin_tls *t, struct authorities *a, struct failure *f)
{
  struct tls_trust *trust;
  enum err e = tls_trust_new(a->path, &trust, f);
  if (e) return e;
  for (struct checked *k = t->contexts; k && !e; k = k->hh.next)
    if (k->from == a && tls_ctx_trust(k->ctx, trust)) e = failure_set(f, ERR_NOMEM, "no memory");
  tls_trust_free(a->trust);
  a->trust = trust;
  a->reloads = t->reloads;
  return e;
}

static void forget_file(struct origin_tls *t, struct authorities *a)
{
  HASH_DEL(t->files, a);
  tls_trust_free(a->trust);
  free(a->path);
  free(a);
}

static enum err add_file(struct origin_tls *t, const char *path, struct authorities **ret, struct failure *f)
{
  struct authorities *a = calloc(1, sizeof *a);
  if (a) a->path = strdup(path);
  if (!a || !a->path) {
    free(a);
    return failure_set(f, ERR_NOMEM, "no memory");
  }
  HASH_ADD_KEYPTR(hh, t->files, a->path, strlen(a->path), a);
  enum err e = read_file(t, a, f);
  if (e)
    forget_file(t, a);
  else
    *ret = a;
  return e;
}

static enum err get_file(struct origin_tls *t, const char *path, struct authorities **ret, struct failure *f)
{
  struct authorities *a;
  HASH_FIND_STR(t->files, path, a);
  if (!a) return add_file(t, path, ret, f);
  /* Nobody needed it at the reload. */
  enum err e = a->reloads == t->reloads ? ERR_OK : read_file(t, a, f);
  if (!e) *ret = a;
  return e;
}

enum err origin_tls_reload(struct origin_tls *t, const struct lab *lab, struct failure *f)
{
  char path[4096 + 128];
  struct authorities *a;
  struct failure one;
  enum err e = ERR_OK;
  t->reloads++;
  for (size_t i = 0; i < lab->n_published; i++) {
    const struct lab_app *app = &lab->published[i];
    if (!is_https(app) || !app->validate_certificate) continue;
    path_of(t, app, path);
    HASH_FIND_STR(t->files, path, a);
    if (!a || a->reloads == t->reloads || read_file(t, a, &one) == ERR_OK) continue;
    a->reloads = t->reloads;
    if (!e) *f = one;
    if (!e) e = one.err;
  }
  return e;
}

/* -- contexts -------------------------------------------------------------------------------------------- */

static enum err open_context(struct origin_tls *t, const char *name, const struct authorities *from,
                             bool resumes, struct tls_ctx **ret, struct failure *f)
{
  struct checked *k = calloc(1, sizeof *k);
  enum err e = ERR_OK;
  if (k) k->name = strdup(name);
  if (!k || !k->name) e = failure_set(f, ERR_NOMEM, "no memory");
  if (!e) e = tls_client_ctx_new(NULL, NULL, NULL, "http/1.1", &k->ctx, f);
  if (!e && from && tls_ctx_trust(k->ctx, from->trust)) e = failure_set(f, ERR_NOMEM, "no memory");
  if (e) {
    if (k) tls_ctx_free(k->ctx);
    if (k) free(k->name);
    free(k);
    return e;
  }
  k->from = from;
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
  char path[4096 + 128] = "", name[sizeof path + 512], port[TEXT_NUMBER_SIZE];
  struct authorities *from = NULL;
  struct checked *k;
  *ret = NULL;
  if (!is_https(app)) return ERR_OK;
  if (app->validate_certificate) {
    path_of(t, app, path);
    if (get_file(t, path, &from, f)) return f->err;
  }
  size_t label = label_of(app);
  if (text_join(name, sizeof name, label ? "*" : "", app->internal_url.host + label, ":",
                text_number(app->internal_url.port, port), " ", path))
    return failure_set(f, ERR_TOO_LARGE, "%s", path);
  HASH_FIND_STR(t->contexts, name, k);
  if (!k) return open_context(t, name, from, !label, ret, f);
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
  struct authorities *a, *next_file;
  if (!t) return;
  HASH_ITER(hh, t->contexts, k, next)
  {
    HASH_DEL(t->contexts, k);
    tls_ctx_free(k->ctx);
    free(k->name);
    free(k);
  }
  HASH_ITER(hh, t->files, a, next_file)
  forget_file(t, a);
  free(t);
}
