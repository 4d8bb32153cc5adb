#include "ticket.h"

#include "encode.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- a context a thread ---------------------------------------------------------------------------------- */

static pthread_key_t crypto_key;
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

static void crypto_free(void *ctx)
{
  krb5_free_context(ctx);
}

static void crypto_init(void)
{
  if (pthread_key_create(&crypto_key, crypto_free) != 0) abort();
}

krb5_context krb_crypto_context(void)
{
  pthread_once(&crypto_once, crypto_init);
  krb5_context ctx = pthread_getspecific(crypto_key);
  if (!ctx && krb5_init_context(&ctx) == 0) pthread_setspecific(crypto_key, ctx);
  return ctx;
}

/* -- what it says ---------------------------------------------------------------------------------------- */

static void describe_flags(krb5_flags flags, char *out, size_t size)
{
  static const struct {
    krb5_flags bit;
    const char *name;
  } names[] = {
      {TKT_FLG_FORWARDABLE, "forwardable"},
      {TKT_FLG_FORWARDED, "forwarded"},
      {TKT_FLG_PROXIABLE, "proxiable"},
      {TKT_FLG_PROXY, "proxy"},
      {TKT_FLG_MAY_POSTDATE, "may-postdate"},
      {TKT_FLG_POSTDATED, "postdated"},
      {TKT_FLG_INVALID, "invalid"},
      {TKT_FLG_RENEWABLE, "renewable"},
      {TKT_FLG_INITIAL, "initial"},
      {TKT_FLG_PRE_AUTH, "pre-authent"},
      {TKT_FLG_HW_AUTH, "hw-authent"},
      {TKT_FLG_TRANSIT_POLICY_CHECKED, "transited-policy-checked"},
      {TKT_FLG_OK_AS_DELEGATE, "ok-as-delegate"},
      {TKT_FLG_ENC_PA_REP, "enc-pa-rep"},
      {TKT_FLG_ANONYMOUS, "anonymous"},
  };
  size_t at = 0;
  out[0] = '\0';
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!(flags & names[i].bit)) continue;
    int n = snprintf(out + at, size - at, "%s%s", at ? "," : "", names[i].name);
    if (n < 0 || (size_t)n >= size - at) return;
    at += (size_t)n;
  }
}

static void describe_name(krb5_context ctx, krb5_const_principal name, char *out, size_t size)
{
  char *text = NULL;
  out[0] = '\0';
  if (name && krb5_unparse_name(ctx, name, &text) == 0) snprintf(out, size, "%s", text);
  krb5_free_unparsed_name(ctx, text);
}

static void describe_enctype(krb5_enctype type, char *out, size_t size)
{
  if (krb5_enctype_to_name(type, FALSE, out, size) != 0) snprintf(out, size, "enctype %d", (int)type);
}

static void facts_fill(const krb5_creds *creds, const krb5_ticket *ticket, struct krb_ticket_facts *out)
{
  const krb5_ticket_times *times = &creds->times;
  *out = (struct krb_ticket_facts){.flags = creds->ticket_flags,
                                   .enctype = ticket ? ticket->enc_part.enctype : 0,
                                   .session_enctype = creds->keyblock.enctype,
                                   .kvno = ticket ? (int)ticket->enc_part.kvno : 0,
                                   .auth_time_s = (uint32_t)times->authtime,
                                   .start_time_s =
                                       (uint32_t)(times->starttime ? times->starttime : times->authtime),
                                   .end_time_s = (uint32_t)times->endtime,
                                   .size = creds->ticket.length};
}

static void describe_facts(const struct krb_ticket_facts *facts, struct krb_ticket_info *out)
{
  describe_flags(facts->flags, out->flags, sizeof out->flags);
  describe_enctype(facts->session_enctype, out->session_enctype, sizeof out->session_enctype);
  if (facts->enctype) describe_enctype(facts->enctype, out->enctype, sizeof out->enctype);
  out->kvno = facts->kvno;
  out->auth_time_s = facts->auth_time_s;
  out->start_time_s = facts->start_time_s;
  out->end_time_s = facts->end_time_s;
  out->size = facts->size;
}

static void examine(krb5_context ctx, const krb5_creds *creds, struct krb_ticket_facts *facts,
                    struct krb_ticket_info *out)
{
  struct krb_ticket_info i = {0};
  krb5_ticket *t = NULL;
  if (krb5_decode_ticket(&creds->ticket, &t) != 0) t = NULL;
  facts_fill(creds, t, facts);
  describe_facts(facts, &i);
  describe_name(ctx, creds->client, i.client, sizeof i.client);
  /* A name that was asked for without realm: the ticket knows it. */
  bool whole = creds->server && creds->server->realm.length > 0;
  describe_name(ctx, t && !whole ? t->server : creds->server, i.server, sizeof i.server);
  if (t) krb5_free_ticket(ctx, t);
  *out = i;
}

void krb_ticket_info_fill(krb5_context ctx, const krb5_creds *creds, struct krb_ticket_info *out)
{
  struct krb_ticket_facts facts;
  examine(ctx, creds, &facts, out);
}

/* -- making one ------------------------------------------------------------------------------------------ */

/* MIT derives keys when they are first used, and keeps them inside krb5_key. Done here, no request pays for
 * it. */
static krb5_error_code derive_keys(krb5_context ctx, krb5_key key)
{
  char plain[64] = {0}, cipher[256];
  krb5_data in = {.length = sizeof plain, .data = plain};
  krb5_enc_data enc = {.ciphertext = {.length = sizeof cipher, .data = cipher}};
  return krb5_k_encrypt(ctx, key, KRB_USAGE_AP_REQ_AUTHENTICATOR, NULL, &in, &enc);
}

static bool spnego_name_of(const krb5_creds *creds, struct spnego_name *out)
{
  krb5_const_principal p = creds->client;
  struct spnego_name n = {.type = p->type, .realm = p->realm.data, .realm_len = p->realm.length};
  if (p->length < 1 || (size_t)p->length > sizeof n.component / sizeof *n.component) return false;
  n.count = (size_t)p->length;
  for (size_t i = 0; i < n.count; i++) {
    n.component[i].data = p->data[i].data;
    n.component[i].len = p->data[i].length;
  }
  *out = n;
  return true;
}

/* "Negotiate " and the constant bytes as base64, the odd ones aside. */
static enum err encode_head(const struct der_writer *w, struct buf *head, struct krb_ticket *t)
{
  size_t n = der_written(w);
  t->tail_len = (uint8_t)(n % 3);
  memcpy(t->tail, w->at + n - t->tail_len, t->tail_len);
  enum err e = buf_puts(head, "Negotiate ");
  return e ? e : base64_encode(head, w->at, n - t->tail_len);
}

/* A ticket being made: all but what decides its size. */
struct draft {
  struct krb_ticket *ticket; /* without data */
  struct krb_ticket_info info;
  uint8_t authenticator[SPNEGO_AUTHENTICATOR_MAX];
};

static enum err fill_key(krb5_context ctx, const krb5_creds *creds, struct draft *d, struct failure *f)
{
  size_t cipher_len = 0;
  struct krb_ticket *t = d->ticket;
  krb5_error_code code = krb5_c_encrypt_length(ctx, t->facts.session_enctype, t->form.len, &cipher_len);
  if (!code) code = krb5_k_create_key(ctx, &creds->keyblock, &t->key);
  if (!code) code = derive_keys(ctx, t->key);
  if (code || cipher_len > KRB_CIPHER_MAX)
    return failure_set(f, ERR_KRB_ENCTYPE, "the session key (%s) cannot be used", d->info.session_enctype);
  t->cipher_len = (uint16_t)cipher_len;
  return ERR_OK;
}

static enum err fill(krb5_context ctx, const krb5_creds *creds, struct draft *d, struct failure *f)
{
  struct spnego_name client;
  examine(ctx, creds, &d->ticket->facts, &d->info);
  if (!spnego_name_of(creds, &client) ||
      !spnego_authenticator_init(d->authenticator, &d->ticket->form, &client))
    return failure_set(f, ERR_KRB_OTHER, "the client's name is too long for an authenticator");
  return fill_key(ctx, creds, d, f);
}

/* The draft with all that lies behind it; takes its key over. */
static struct krb_ticket *finish(struct draft *d, const struct buf *head)
{
  size_t client = strlen(d->info.client) + 1, server = strlen(d->info.server) + 1;
  struct krb_ticket *t = malloc(sizeof *t + head->len + d->ticket->form.len + client + server);
  if (!t) return NULL;
  d->ticket->head_len = (uint32_t)head->len;
  memcpy(t, d->ticket, sizeof *t);
  d->ticket->key = NULL;
  uint8_t *at = t->data;
  memcpy(at, head->data, head->len);
  at += head->len;
  memcpy(at, d->authenticator, t->form.len);
  at += t->form.len;
  memcpy(at, d->info.client, client);
  memcpy(at + client, d->info.server, server);
  atomic_init(&t->refs, 1);
  pthread_mutex_init(&t->key_lock, NULL);
  return t;
}

enum err krb_ticket_new(krb5_context ctx, const krb5_creds *creds, struct krb_ticket **ret, struct failure *f)
{
  enum { TOKEN_MAX = KRB_TICKET_MAX + KRB_CIPHER_MAX + 256 };
  struct buf head;
  struct krb_ticket bare = {.key = NULL}, *t;
  struct draft draft = {.ticket = &bare};
  buf_init(&head, 2 * (size_t)TOKEN_MAX);
  uint8_t *token = malloc(TOKEN_MAX);
  enum err e = token ? fill(ctx, creds, &draft, f) : failure_set(f, ERR_NOMEM, "ticket");
  if (e) goto out;
  struct der_writer w;
  der_writer_init(&w, token, TOKEN_MAX);
  spnego_write_init(&w, creds->ticket.data, creds->ticket.length, bare.facts.session_enctype,
                    bare.cipher_len);
  if (w.overflow) {
    e = failure_set(f, ERR_KRB_OTHER, "the ticket has %u bytes; at most %d are carried", creds->ticket.length,
                    KRB_TICKET_MAX);
    goto out;
  }
  e = encode_head(&w, &head, &bare);
  t = e ? NULL : finish(&draft, &head);
  if (t)
    *ret = t;
  else
    e = failure_set(f, ERR_NOMEM, "ticket");
out:
  if (bare.key) krb5_k_free_key(ctx, bare.key);
  buf_clear(&head);
  free(token);
  return e;
}

struct krb_ticket *krb_ticket_ref(struct krb_ticket *t)
{
  atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
  return t;
}

void krb_ticket_unref(struct krb_ticket *t)
{
  if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
  krb5_k_free_key(krb_crypto_context(), t->key); /* wipes it */
  pthread_mutex_destroy(&t->key_lock);
  free(t);
}

void krb_ticket_describe(const struct krb_ticket *t, struct krb_ticket_info *ret)
{
  struct krb_ticket_info i = {0};
  const char *client = (const char *)krb_ticket_authenticator(t) + t->form.len;
  describe_facts(&t->facts, &i);
  snprintf(i.client, sizeof i.client, "%s", client);
  snprintf(i.server, sizeof i.server, "%s", client + strlen(client) + 1);
  *ret = i;
}

int64_t krb_ticket_end_s(const struct krb_ticket *t)
{
  return t->facts.end_time_s;
}
