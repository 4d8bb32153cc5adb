#include "once.h"

#include "clock.h"
#include "encode.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>
/* Not the default hash: clang warns of its macro. */
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#define SEEN_MAX 100000 /* sessions remembered in memory; the store knows the rest */

struct seen {
  uint8_t id[16];
  bool ended;
  int64_t expires_s;
  UT_hash_handle hh;
};

struct once {
  struct net *net;
  struct store *store;
  int64_t started_s;
  struct seen *seen;
};

enum err once_new(struct cloud *c, const char *path, struct once **ret, struct failure *f)
{
  struct once *o = calloc(1, sizeof *o);
  if (!o) return failure_set(f, ERR_NOMEM, "no memory");
  o->net = c->net;
  o->started_s = clock_wall_s();
  /* A lost record here would let a used token or an ended session back in. */
  enum err e = store_open(path, STORE_REFUSE, &o->store, NULL, f);
  if (e) {
    free(o);
    return e;
  }
  *ret = o;
  return ERR_OK;
}

void once_free(struct once *o)
{
  if (!o) return;
  struct seen *s, *next;
  HASH_ITER(hh, o->seen, s, next)
  {
    HASH_DEL(o->seen, s);
    free(s);
  }
  store_close(o->store);
  free(o);
}

struct job {
  struct once *o;
  const char *kind;
  char key[64];
  int64_t lifetime_s;
  enum err result;
  void (*done)(void *arg, enum err e);
  void *arg;
};

static void job_run(void *arg)
{
  struct job *j = arg;
  j->result = store_put_new(j->o->store, j->kind, j->key, "", 0, j->lifetime_s > 0 ? j->lifetime_s : 1);
}

static void job_done(void *arg)
{
  struct job *j = arg;
  j->done(j->arg, j->result);
  free(j);
}

static void put_new(struct once *o, const char *kind, const char *key, int64_t lifetime_s,
                    void (*done)(void *arg, enum err e), void *arg)
{
  struct job *j = calloc(1, sizeof *j);
  if (j) {
    *j = (struct job){.o = o, .kind = kind, .lifetime_s = lifetime_s, .done = done, .arg = arg};
    snprintf(j->key, sizeof j->key, "%s", key);
  }
  if (!j || net_work(o->net, job_run, job_done, j)) {
    free(j);
    done(arg, ERR_NOMEM);
  }
}

void once_use_nonce(struct once *o, const char *nonce, int64_t lifetime_s,
                    void (*done)(void *arg, enum err e), void *arg)
{
  put_new(o, "nonce", nonce, lifetime_s, done, arg);
}

static void forget_expired(struct once *o)
{
  int64_t now = clock_wall_s();
  struct seen *s, *next;
  HASH_ITER(hh, o->seen, s, next)
  {
    if (s->expires_s > now) continue;
    HASH_DEL(o->seen, s);
    free(s);
  }
}

static void remember(struct once *o, const struct session *session, bool ended)
{
  struct seen *s;
  HASH_FIND(hh, o->seen, session->id, sizeof session->id, s);
  if (!s) {
    if (HASH_COUNT(o->seen) >= SEEN_MAX) forget_expired(o);
    if (HASH_COUNT(o->seen) >= SEEN_MAX && !ended) return;
    s = calloc(1, sizeof *s);
    if (!s) return;
    memcpy(s->id, session->id, sizeof s->id);
    HASH_ADD(hh, o->seen, id, sizeof s->id, s);
  }
  s->ended = s->ended || ended;
  s->expires_s = session->expires_s;
}

void once_end_session(struct once *o, const struct session *s, void (*done)(void *arg, enum err e), void *arg)
{
  char id[33];
  hex_encode(id, s->id, sizeof s->id);
  remember(o, s, true);
  put_new(o, "session", id, s->expires_s - clock_wall_s(), done, arg);
}

bool once_session_ended(struct once *o, const struct session *session)
{
  struct seen *s;
  HASH_FIND(hh, o->seen, session->id, sizeof session->id, s);
  if (s) return s->ended;
  if (session->issued_s > o->started_s) return false;
  char id[33];
  hex_encode(id, session->id, sizeof session->id);
  bool ended = store_get(o->store, "session", id, NULL) != ERR_NOT_FOUND;
  remember(o, session, ended);
  return ended;
}
