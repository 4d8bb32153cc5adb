#include "once.h"

#include "clock.h"
#include "encode.h"
#include "store.h"

#include <stdio.h>
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

/* A user, and until when what he was issued is void; 0: he was looked up, and none of it is. */
struct user {
  char upn[256]; /* in lower case */
  int64_t ended_s, expires_s;
  UT_hash_handle hh;
};

struct once {
  struct net *net;
  struct store *store;
  int64_t before_s; /* what was issued later is not in the store but by this process, which remembers */
  struct seen *seen;
  struct user *users;
  int64_t seen_swept_s, users_swept_s; /* what expired was forgotten in that second: no more has since */
};

/* The clock may have gone back since something was issued and ended: but a record of its end lives no shorter
 * than what it ended. */
static enum err find_before(struct once *o, struct failure *f)
{
  int64_t last_s;
  enum err e = store_last_end(o->store, &last_s);
  if (e) return failure_set(f, e, "the store of ended sessions cannot be read");
  o->before_s = clock_wall_s();
  if (o->before_s < last_s) o->before_s = last_s;
  return ERR_OK;
}

enum err once_new(struct cloud *c, const char *path, struct once **ret, struct failure *f)
{
  struct once *o = calloc(1, sizeof *o);
  if (!o) return failure_set(f, ERR_NOMEM, "no memory");
  o->net = c->net;
  /* A lost record here would let a used token or an ended session back in. */
  enum err e = store_open(path, STORE_REFUSE, &o->store, NULL, f);
  if (!e) e = find_before(o, f);
  if (e) {
    once_free(o);
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
  struct user *u, *next_user;
  HASH_ITER(hh, o->users, u, next_user)
  {
    HASH_DEL(o->users, u);
    free(u);
  }
  store_close(o->store);
  free(o);
}

enum err once_probe(struct once *o, struct failure *f)
{
  return store_probe(o->store, f);
}

struct job {
  struct once *o;
  const char *kind;
  char key[256], value[24];
  bool replace;
  int64_t lifetime_s;
  enum err result;
  void (*done)(void *arg, enum err e);
  void *arg;
};

static void job_run(void *arg)
{
  struct job *j = arg;
  int64_t lifetime_s = j->lifetime_s > 0 ? j->lifetime_s : 1;
  j->result = (j->replace ? store_put : store_put_new)(j->o->store, j->kind, j->key, j->value,
                                                       strlen(j->value), lifetime_s);
}

static void job_done(void *arg)
{
  struct job *j = arg;
  j->done(j->arg, j->result);
  free(j);
}

/* value "": it is new, or ERR_EXISTS; else it takes the place of another. */
static void put(struct once *o, const char *kind, const char *key, const char *value, int64_t lifetime_s,
                void (*done)(void *arg, enum err e), void *arg)
{
  struct job *j = calloc(1, sizeof *j);
  if (j) {
    *j = (struct job){
        .o = o, .kind = kind, .replace = *value, .lifetime_s = lifetime_s, .done = done, .arg = arg};
    snprintf(j->key, sizeof j->key, "%s", key);
    snprintf(j->value, sizeof j->value, "%s", value);
  }
  if (!j || net_work(o->net, job_run, job_done, j)) {
    free(j);
    done(arg, ERR_NOMEM);
  }
}

void once_use_nonce(struct once *o, const char *nonce, int64_t lifetime_s,
                    void (*done)(void *arg, enum err e), void *arg)
{
  put(o, "nonce", nonce, "", lifetime_s, done, arg);
}

static void forget_expired(struct once *o)
{
  int64_t now = clock_wall_s();
  struct seen *s, *next;
  if (now == o->seen_swept_s) return;
  o->seen_swept_s = now;
  HASH_ITER(hh, o->seen, s, next)
  {
    if (s->expires_s > now) continue;
    HASH_DEL(o->seen, s);
    free(s);
  }
}

/* Is it remembered? That it has not ended need not be. */
static bool remember(struct once *o, const struct session *session, bool ended)
{
  struct seen *s;
  HASH_FIND(hh, o->seen, session->id, sizeof session->id, s);
  if (!s) {
    if (HASH_COUNT(o->seen) >= SEEN_MAX) forget_expired(o);
    if (HASH_COUNT(o->seen) >= SEEN_MAX && !ended) return false;
    s = calloc(1, sizeof *s);
    if (!s) return false;
    memcpy(s->id, session->id, sizeof s->id);
    HASH_ADD(hh, o->seen, id, sizeof s->id, s);
  }
  s->ended = s->ended || ended;
  s->expires_s = session->expires_s;
  return true;
}

void once_end_session(struct once *o, const struct session *s, void (*done)(void *arg, enum err e), void *arg)
{
  char id[33];
  hex_encode(id, s->id, sizeof s->id);
  if (remember(o, s, true))
    put(o, "session", id, "", s->expires_s - clock_wall_s(), done, arg);
  else
    done(arg, ERR_NOMEM);
}

bool once_session_ended(struct once *o, const struct session *session)
{
  struct seen *s;
  if (once_user_ended(o, session)) return true;
  HASH_FIND(hh, o->seen, session->id, sizeof session->id, s);
  if (s) return s->ended;
  if (session->issued_s > o->before_s) return false;
  char id[33];
  hex_encode(id, session->id, sizeof session->id);
  bool ended = store_get(o->store, "session", id, NULL) != ERR_NOT_FOUND;
  (void)remember(o, session, ended);
  return ended;
}

/* -- users ----------------------------------------------------------------------------------------------- */

static void in_lower_case(const char *upn, char out[static 256])
{
  size_t i = 0;
  for (; upn[i] && i < 255; i++)
    out[i] = upn[i] >= 'A' && upn[i] <= 'Z' ? (char)(upn[i] - 'A' + 'a') : upn[i];
  out[i] = 0;
}

static struct user *find_user(const struct once *o, const char *key)
{
  struct user *u;
  HASH_FIND_STR(o->users, key, u);
  return u;
}

static void forget_users(struct once *o)
{
  int64_t now = clock_wall_s();
  struct user *u, *next;
  if (now == o->users_swept_s) return;
  o->users_swept_s = now;
  HASH_ITER(hh, o->users, u, next)
  {
    if (u->expires_s > now) continue;
    HASH_DEL(o->users, u);
    free(u);
  }
}

static bool remember_user(struct once *o, const char *key, int64_t ended_s, int64_t expires_s)
{
  struct user *u = find_user(o, key);
  if (!u) {
    if (HASH_COUNT(o->users) >= SEEN_MAX) forget_users(o);
    if (HASH_COUNT(o->users) >= SEEN_MAX && !ended_s) return false;
    u = calloc(1, sizeof *u);
    if (!u) return false;
    snprintf(u->upn, sizeof u->upn, "%s", key);
    HASH_ADD_STR(o->users, upn, u);
  }
  u->ended_s = ended_s;
  u->expires_s = expires_s;
  return true;
}

/* Now, or the second behind the user's last end: sessions tell seconds only. */
static int64_t after_end_s(const struct once *o, const char *key)
{
  int64_t now = clock_wall_s();
  const struct user *u = find_user(o, key);
  return u && u->ended_s >= now && u->ended_s < INT64_MAX ? u->ended_s + 1 : now;
}

/* A second end in one second is behind the sessions that began between the two. */
void once_end_user(struct once *o, const char *upn, int64_t lifetime_s, void (*done)(void *arg, enum err e),
                   void *arg)
{
  char key[256], value[24];
  in_lower_case(upn, key);
  int64_t ended_s = after_end_s(o, key);
  snprintf(value, sizeof value, "%ld", (long)ended_s);
  if (remember_user(o, key, ended_s, ended_s + lifetime_s))
    put(o, "user", key, value, lifetime_s, done, arg);
  else
    done(arg, ERR_NOMEM);
}

/* What cannot be read ends all. */
static int64_t stored_end(const struct once *o, const char *key)
{
  struct buf value;
  int64_t ended_s = 0;
  buf_init(&value, 64);
  enum err e = store_get(o->store, "user", key, &value);
  if (e != ERR_NOT_FOUND && (e || sscanf(buf_str(&value), "%ld", &ended_s) != 1)) ended_s = INT64_MAX;
  buf_clear(&value);
  return ended_s;
}

bool once_user_ended(struct once *o, const struct session *s)
{
  char key[256];
  in_lower_case(s->upn, key);
  const struct user *u = find_user(o, key);
  if (u) return s->issued_s <= u->ended_s;
  if (s->issued_s > o->before_s) return false;
  int64_t ended_s = stored_end(o, key);
  (void)remember_user(o, key, ended_s, s->expires_s);
  return s->issued_s <= ended_s;
}

bool once_token_ended(struct once *o, const struct token_claims *c)
{
  struct session s = {.issued_s = c->issued_s + 1, .expires_s = c->expires_s};
  snprintf(s.upn, sizeof s.upn, "%s", c->upn);
  return once_user_ended(o, &s);
}

int64_t once_session_begins_s(struct once *o, const char *upn)
{
  char key[256];
  in_lower_case(upn, key);
  return after_end_s(o, key);
}
