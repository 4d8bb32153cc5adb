/* Which way a token goes: a ticket seen before is verified with its session key, all else by GSSAPI. */
#include "authenticator.h"
#include "gss_verify.h"
#include "logon.h"
#include "replay.h"

#include "clock.h"
#include "encode.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { TOKEN_MAX = 64 * 1024, REPLY_MAX = 16 * 1024 };

/* The keytab as it was read once. Kept until the last use is over. */
struct keys {
  atomic_uint refs;
  krb5_context ctx;   /* for reading and closing it */
  krb5_keytab keytab; /* in memory, where each use locks it by itself */
  char name[64];
};

struct verifier {
  struct verifier *next;
  struct keys *keys;
  struct gss_acceptor *gss;
};

struct krb_acceptor {
  char path[4096];
  bool gssapi_only;
  struct replay *replay; /* NULL: none */
  struct known *known;
  pthread_mutex_t lock; /* keys, idle and the file's state */
  struct keys *keys;
  struct verifier *idle;
  struct stat seen;
  atomic_uint generation; /* of keys */
  atomic_llong looked_ns;
  atomic_ullong by_gssapi, by_known, refused, replays;
};

/* -- the keytab ------------------------------------------------------------------------------------------ */

static void keys_unref(struct keys *k)
{
  if (!k || atomic_fetch_sub(&k->refs, 1) != 1) return;
  if (k->keytab) krb5_kt_close(k->ctx, k->keytab); /* the last one to close a MEMORY keytab destroys it */
  if (k->ctx) krb5_free_context(k->ctx);
  free(k);
}

static krb5_error_code copy_entries(krb5_context ctx, krb5_keytab from, krb5_keytab to)
{
  krb5_kt_cursor cursor;
  krb5_keytab_entry entry;
  krb5_error_code code = krb5_kt_start_seq_get(ctx, from, &cursor), added = 0;
  if (code) return code;
  while (!added && (code = krb5_kt_next_entry(ctx, from, &entry, &cursor)) == 0) {
    added = krb5_kt_add_entry(ctx, to, &entry);
    krb5_free_keytab_entry_contents(ctx, &entry);
  }
  krb5_kt_end_seq_get(ctx, from, &cursor);
  return added ? added : code == KRB5_KT_END ? 0 : code;
}

/* Into memory: reading the file for each token would cost 15 us. */
static krb5_error_code load(struct keys *k, const char *path)
{
  static atomic_uint number;
  char file_name[4096 + 8];
  krb5_keytab file = NULL;
  snprintf(file_name, sizeof file_name, "FILE:%s", path);
  snprintf(k->name, sizeof k->name, "MEMORY:sevenstep-acceptor-%u", atomic_fetch_add(&number, 1));
  krb5_error_code code = krb5_init_context(&k->ctx);
  if (code) {
    k->ctx = NULL;
    return code;
  }
  code = krb5_kt_resolve(k->ctx, file_name, &file);
  if (!code) code = krb5_kt_resolve(k->ctx, k->name, &k->keytab);
  if (!code) code = copy_entries(k->ctx, file, k->keytab);
  if (file) krb5_kt_close(k->ctx, file);
  return code;
}

static enum err keys_new(const char *path, struct keys **ret, struct failure *f)
{
  struct keys *k = calloc(1, sizeof *k);
  if (!k) return failure_set(f, ERR_NOMEM, "keytab");
  atomic_init(&k->refs, 1);
  krb5_error_code code = load(k, path);
  if (code) {
    const char *text = krb5_get_error_message(k->ctx, code);
    failure_set(f, ERR_IO, "keytab %s: %s", path, text);
    krb5_free_error_message(k->ctx, text);
    keys_unref(k);
    return ERR_IO;
  }
  *ret = k;
  return ERR_OK;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
  return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void verifier_free(struct verifier *v)
{
  if (!v) return;
  gss_acceptor_free(v->gss);
  keys_unref(v->keys);
  free(v);
}

enum err krb_acceptor_reload(struct krb_acceptor *a, struct failure *f)
{
  struct stat st;
  struct keys *fresh = NULL, *old;
  struct verifier *idle;
  if (stat(a->path, &st) != 0) return failure_set(f, ERR_IO, "keytab %s: %s", a->path, strerror(errno));
  pthread_mutex_lock(&a->lock);
  bool same = same_file(&st, &a->seen);
  pthread_mutex_unlock(&a->lock);
  if (same) return ERR_OK;
  enum err e = keys_new(a->path, &fresh, f);
  if (e) return e;
  pthread_mutex_lock(&a->lock);
  old = a->keys;
  idle = a->idle;
  a->keys = fresh;
  a->idle = NULL;
  a->seen = st;
  atomic_fetch_add(&a->generation, 1);
  pthread_mutex_unlock(&a->lock);
  known_forget_all(a->known);
  keys_unref(old);
  while (idle) {
    struct verifier *next = idle->next;
    verifier_free(idle);
    idle = next;
  }
  return ERR_OK;
}

/* At most once a second: has the keytab changed? A file that cannot be read just now leaves the old keys in
 * force. */
static void follow_keytab(struct krb_acceptor *a)
{
  long long now = clock_mono_ns(), looked = atomic_load_explicit(&a->looked_ns, memory_order_relaxed);
  if (now - looked < 1000000000LL || !atomic_compare_exchange_strong(&a->looked_ns, &looked, now)) return;
  enum err e = krb_acceptor_reload(a, NULL);
  (void)e;
}

/* After a refusal: perhaps the ticket's key has come since. Are the keys others than those of then? */
static bool keys_are_new(struct krb_acceptor *a, unsigned generation)
{
  enum err e = krb_acceptor_reload(a, NULL);
  (void)e; /* as above */
  return atomic_load(&a->generation) != generation;
}

/* -- verifying ------------------------------------------------------------------------------------------- */

static enum err verifier_take(struct krb_acceptor *a, struct verifier **ret, struct failure *f)
{
  pthread_mutex_lock(&a->lock);
  struct verifier *v = a->idle;
  if (v) a->idle = v->next;
  struct keys *keys = a->keys;
  if (!v) atomic_fetch_add(&keys->refs, 1);
  pthread_mutex_unlock(&a->lock);
  if (!v) {
    v = calloc(1, sizeof *v);
    if (!v) {
      keys_unref(keys);
      return failure_set(f, ERR_NOMEM, "acceptor");
    }
    v->keys = keys;
    enum err e = gss_acceptor_new(keys->name, &v->gss, f);
    if (e) {
      verifier_free(v);
      return e;
    }
  }
  *ret = v;
  return ERR_OK;
}

static void verifier_give(struct krb_acceptor *a, struct verifier *v)
{
  pthread_mutex_lock(&a->lock);
  bool current = v->keys == a->keys;
  if (current) {
    v->next = a->idle;
    a->idle = v;
  }
  pthread_mutex_unlock(&a->lock);
  if (!current) verifier_free(v);
}

/* The last bytes of an authenticator's cipher are its keyed checksum: no two have the same. */
static enum err refuse_replay(struct krb_acceptor *a, const struct spnego_request *r, int64_t ctime,
                              int64_t now_s, struct failure *f)
{
  uint64_t tag;
  if (!a->replay) return ERR_OK;
  if (der_left(&r->cipher) < 16) return failure_set(f, ERR_TICKET_INVALID, "the authenticator is too short");
  memcpy(&tag, r->cipher.end - sizeof tag, sizeof tag);
  enum err e = replay_remember(a->replay, tag, ctime + CLOCK_SKEW_S, now_s);
  if (e == ERR_OK) return ERR_OK;
  if (e == ERR_EXISTS) {
    atomic_fetch_add_explicit(&a->replays, 1, memory_order_relaxed);
    return failure_set(f, ERR_TICKET_INVALID, "Request is a replay");
  }
  return failure_set(f, e, "the replay cache cannot remember it (%s)", err_info(e)->name);
}

struct job {
  struct krb_acceptor *a;
  const struct krb_channel *channel;
  const struct buf *token;
  const struct spnego_request *request; /* NULL: not understood here */
  int64_t now_s;
  struct buf *reply;
  struct krb_accepted *info;
  struct failure *f;
};

/* ERR_AGAIN: GSSAPI shall decide. */
static enum err verify_known(const struct job *j, struct known_ticket *t)
{
  struct authenticator auth;
  if (!j->request->first || !authenticator_read(t, j->request, &auth) || !auth.plain ||
      !authenticator_is_timely(t, &auth, j->now_s) || !authenticator_fits(&auth, j->channel))
    return ERR_AGAIN;
  enum err e = refuse_replay(j->a, j->request, auth.ctime, j->now_s, j->f);
  if (!e) e = authenticator_answer(t, j->request, &auth, j->reply);
  if (e) return e;
  *j->info = t->info;
  logon_ref(t->info.logon);
  j->info->known_ticket = true;
  j->info->channel_bound = j->channel && authenticator_is_bound(&auth);
  gss_acceptor_flags_text(auth.gss_flags, j->info->flags, sizeof j->info->flags);
  atomic_fetch_add_explicit(&j->a->by_known, 1, memory_order_relaxed);
  return ERR_OK;
}

/* Under the lock: a keytab that is replaced meanwhile makes all tickets forgotten, this one too. */
static void remember_ticket(struct krb_acceptor *a, const struct verifier *v, struct known_ticket *t)
{
  pthread_mutex_lock(&a->lock);
  if (!a->gssapi_only && a->keys == v->keys) known_put(a->known, t);
  pthread_mutex_unlock(&a->lock);
}

static void forget_pac(struct krb_accepted *info)
{
  logon_unref(info->logon);
  info->logon = NULL;
  info->delegated = false;
  info->delegated_target[0] = info->delegated_by[0] = 0;
}

/* After GSSAPI accepted: what the ticket says, its key for the next time, and whether this authenticator was
 * here before. */
static enum err learn_ticket(const struct job *j, struct verifier *v)
{
  struct known_ticket *t = NULL;
  struct authenticator auth;
  if (!j->request)
    return failure_set(
        j->f, ERR_TICKET_INVALID,
        "the token's form hides its ticket and its authenticator, so a replay would go unnoticed");
  enum err e = known_ticket_new(v->keys->keytab, &j->request->ticket, &t, j->f);
  if (e) return e;
  if (!authenticator_read(t, j->request, &auth)) {
    e = j->a->replay ? failure_set(j->f, ERR_TICKET_INVALID,
                                   "the authenticator cannot be read again for replay detection")
                     : ERR_OK;
  } else {
    e = refuse_replay(j->a, j->request, auth.ctime, j->now_s, j->f);
  }
  if (!e) {
    if (!t->pac_signed) forget_pac(j->info);
    struct krb_accepted from_gss = *j->info;
    *j->info = t->info;
    memcpy(j->info->flags, from_gss.flags, sizeof from_gss.flags);
    memcpy(j->info->delegated_target, from_gss.delegated_target, sizeof from_gss.delegated_target);
    memcpy(j->info->delegated_by, from_gss.delegated_by, sizeof from_gss.delegated_by);
    j->info->delegated = from_gss.delegated;
    j->info->logon = from_gss.logon;
    t->info = *j->info; /* nobody else has it yet */
    logon_ref(t->info.logon);
    j->info->channel_bound = from_gss.channel_bound;
    remember_ticket(j->a, v, t);
  }
  known_ticket_unref(t);
  return e;
}

static enum err verify_by_gssapi(const struct job *j)
{
  struct verifier *v;
  enum err e = verifier_take(j->a, &v, j->f);
  if (e) return e;
  e = gss_acceptor_verify(v->gss, j->channel, j->token->data, j->token->len, j->reply, j->info, j->f);
  if (!e) e = learn_ticket(j, v);
  verifier_give(j->a, v);
  if (!e) atomic_fetch_add_explicit(&j->a->by_gssapi, 1, memory_order_relaxed);
  return e;
}

static enum err verify(const struct job *j)
{
  struct known_ticket *t = NULL;
  if (j->request && !j->a->gssapi_only) t = known_get(j->a->known, &j->request->ticket);
  enum err e = t ? verify_known(j, t) : ERR_AGAIN;
  known_ticket_unref(t);
  if (e == ERR_AGAIN) e = verify_by_gssapi(j);
  if (!e)
    snprintf(j->info->mechanism, sizeof j->info->mechanism, "%s",
             j->request && j->request->raw ? "krb5" : "spnego");
  return e;
}

/* -- the field's value ----------------------------------------------------------------------------------- */

static enum err decode_value(const char *value, size_t n, struct buf *token, struct failure *f)
{
  static const char scheme[] = "Negotiate";
  const size_t scheme_len = sizeof scheme - 1;
  if (n <= scheme_len || strncasecmp(value, scheme, scheme_len) != 0 || value[scheme_len] != ' ')
    return failure_set(f, ERR_TICKET_REQUIRED, "the Authorization field is not of the Negotiate scheme");
  const char *text = value + scheme_len, *end = value + n;
  while (text < end && *text == ' ')
    text++;
  if (text == end || base64_decode(token, text, (size_t)(end - text)))
    return failure_set(f, ERR_TICKET_INVALID, "the token is not base64");
  if (token->len >= 8 && memcmp(token->data, "NTLMSSP", 8) == 0)
    return failure_set(f, ERR_TICKET_MECHANISM, "it is an NTLM message");
  return ERR_OK;
}

static enum err encode_reply(const struct buf *bytes, struct buf *reply, struct failure *f)
{
  size_t before = reply->len;
  if (!bytes->len) return ERR_OK;
  enum err e = buf_puts(reply, "Negotiate ");
  if (!e) e = base64_encode(reply, bytes->data, bytes->len);
  if (!e) return ERR_OK;
  reply->len = before;
  return failure_set(f, e, "the reply does not fit");
}

enum err krb_accept(struct krb_acceptor *a, const struct krb_channel *channel, const char *value, size_t n,
                    struct buf *reply, struct krb_accepted *ret, struct failure *f)
{
  struct buf token, bytes;
  struct krb_accepted info = {0};
  struct spnego_request request;
  buf_init(&token, TOKEN_MAX);
  buf_init(&bytes, REPLY_MAX);
  follow_keytab(a);
  unsigned generation = atomic_load(&a->generation);
  enum err e = decode_value(value, n, &token, f);
  if (!e) {
    bool understood = spnego_parse_request(token.data, token.len, &request) == NULL;
    struct job j = {.a = a,
                    .channel = channel,
                    .token = &token,
                    .request = understood ? &request : NULL,
                    .now_s = clock_wall_s(),
                    .reply = &bytes,
                    .info = &info,
                    .f = f};
    e = verify(&j);
    if (e && keys_are_new(a, generation)) {
      buf_reset(&bytes);
      krb_accepted_clear(&info);
      if (f) *f = (struct failure){0};
      e = verify(&j);
    }
  }
  if (!e) e = encode_reply(&bytes, reply, f);
  if (e) {
    atomic_fetch_add_explicit(&a->refused, 1, memory_order_relaxed);
    krb_accepted_clear(&info);
  } else {
    *ret = info;
  }
  buf_clear(&bytes);
  buf_clear(&token);
  return e;
}

void krb_accepted_clear(struct krb_accepted *w)
{
  logon_unref(w->logon);
  *w = (struct krb_accepted){0};
}

enum err krb_channel_init(const void *hash, size_t n, bool required, struct krb_channel *ret)
{
  uint8_t text[SPNEGO_BINDINGS_MAX];
  krb5_context ctx = known_crypto_context();
  krb5_checksum sum = {0};
  if (!ctx) return ERR_NOMEM;
  if (n > SPNEGO_END_POINT_MAX) return ERR_TOO_LARGE;
  struct krb_channel c = {.required = required};
  size_t length = spnego_write_bindings(text, hash, n);
  krb5_data in = {.length = (unsigned)length, .data = (char *)text};
  if (krb5_c_make_checksum(ctx, CKSUMTYPE_RSA_MD5, NULL, 0, &in, &sum) != 0) return ERR_INTERNAL;
  bool fits = sum.length == sizeof c.bnd;
  if (fits) memcpy(c.bnd, sum.contents, sizeof c.bnd);
  krb5_free_checksum_contents(ctx, &sum);
  if (!fits) return ERR_INTERNAL;
  c.n = length - SPNEGO_BINDINGS_DATA;
  memcpy(c.data, text + SPNEGO_BINDINGS_DATA, c.n);
  *ret = c;
  return ERR_OK;
}

/* -- the acceptor ---------------------------------------------------------------------------------------- */

enum err krb_acceptor_new(const struct krb_acceptor_config *c, struct krb_acceptor **ret, struct failure *f)
{
  struct krb_acceptor *a = calloc(1, sizeof *a);
  if (!a) return failure_set(f, ERR_NOMEM, "acceptor");
  pthread_mutex_init(&a->lock, NULL);
  a->gssapi_only = c->gssapi_only;
  atomic_store(&a->looked_ns, clock_mono_ns());
  struct verifier *v = NULL;
  enum err e = ERR_OK;
  if ((size_t)snprintf(a->path, sizeof a->path, "%s", c->keytab) >= sizeof a->path)
    e = failure_set(f, ERR_CONFIG, "the keytab's path is too long");
  if (!e && stat(a->path, &a->seen) != 0) memset(&a->seen, 0, sizeof a->seen);
  if (!e) e = keys_new(a->path, &a->keys, f);
  if (!e)
    e = known_new(c->max_tickets ? c->max_tickets : 4096, &a->known) ? failure_set(f, ERR_NOMEM, "tickets")
                                                                     : ERR_OK;
  if (!e && c->replay) e = replay_open(c->replay, clock_wall_s(), &a->replay, f);
  if (!e) e = verifier_take(a, &v, f); /* a keytab that GSSAPI cannot use is noticed now */
  if (e) {
    krb_acceptor_free(a);
    return e;
  }
  verifier_give(a, v);
  *ret = a;
  return ERR_OK;
}

void krb_acceptor_free(struct krb_acceptor *a)
{
  if (!a) return;
  while (a->idle) {
    struct verifier *next = a->idle->next;
    verifier_free(a->idle);
    a->idle = next;
  }
  keys_unref(a->keys);
  known_free(a->known);
  replay_close(a->replay);
  pthread_mutex_destroy(&a->lock);
  free(a);
}

void krb_acceptor_count(struct krb_acceptor *a, struct krb_acceptor_counts *ret)
{
  *ret = (struct krb_acceptor_counts){
      .by_gssapi = atomic_load(&a->by_gssapi),
      .by_known_ticket = atomic_load(&a->by_known),
      .refused = atomic_load(&a->refused),
      .replays = atomic_load(&a->replays),
      .tickets = known_count(a->known),
      .replay_entries = a->replay ? replay_count(a->replay) : 0,
  };
}
