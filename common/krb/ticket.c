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

void krb_ticket_info_fill(krb5_context ctx, const krb5_creds *creds, struct krb_ticket_info *out)
{
  struct krb_ticket_info i = {0};
  describe_name(ctx, creds->client, i.client, sizeof i.client);
  describe_name(ctx, creds->server, i.server, sizeof i.server);
  describe_flags(creds->ticket_flags, i.flags, sizeof i.flags);
  describe_enctype(creds->keyblock.enctype, i.session_enctype, sizeof i.session_enctype);
  krb5_ticket *t = NULL;
  if (krb5_decode_ticket(&creds->ticket, &t) == 0) {
    describe_enctype(t->enc_part.enctype, i.enctype, sizeof i.enctype);
    i.kvno = (int)t->enc_part.kvno;
    /* A name that was asked for without realm: the ticket knows it. */
    if (creds->server->realm.length == 0) describe_name(ctx, t->server, i.server, sizeof i.server);
    krb5_free_ticket(ctx, t);
  }
  /* krb5_timestamp counts to 2106 when read as unsigned. */
  i.auth_time_s = (uint32_t)creds->times.authtime;
  i.start_time_s = (uint32_t)(creds->times.starttime ? creds->times.starttime : creds->times.authtime);
  i.end_time_s = (uint32_t)creds->times.endtime;
  i.size = creds->ticket.length;
  *out = i;
}

/* -- making one ------------------------------------------------------------------------------------------ */

/* MIT derives keys when they are first used, and keeps them inside krb5_key. Done here, no request pays for
 * it. */
static krb5_error_code derive_keys(krb5_context ctx, krb5_key key)
{
  char plain[64] = {0}, cipher[256], back[256];
  krb5_data in = {.length = sizeof plain, .data = plain}, out = {.length = sizeof back, .data = back};
  krb5_enc_data enc = {.ciphertext = {.length = sizeof cipher, .data = cipher}};
  krb5_error_code code = krb5_k_encrypt(ctx, key, KRB_USAGE_AP_REQ_AUTHENTICATOR, NULL, &in, &enc);
  if (code) return code;
  enc.ciphertext.length = sizeof cipher;
  code = krb5_k_encrypt(ctx, key, KRB_USAGE_AP_REP, NULL, &in, &enc);
  return code ? code : krb5_k_decrypt(ctx, key, KRB_USAGE_AP_REP, NULL, &enc, &out);
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
  t->tail_len = n % 3;
  memcpy(t->tail, w->at + n - t->tail_len, t->tail_len);
  enum err e = buf_puts(head, "Negotiate ");
  return e ? e : base64_encode(head, w->at, n - t->tail_len);
}

static enum err fill_key(krb5_context ctx, const krb5_creds *creds, struct krb_ticket *t, struct failure *f)
{
  size_t cipher_len = 0;
  t->enctype = creds->keyblock.enctype;
  krb5_error_code code = krb5_c_encrypt_length(ctx, t->enctype, t->authenticator.len, &cipher_len);
  if (!code) code = krb5_k_create_key(ctx, &creds->keyblock, &t->key);
  if (!code) code = derive_keys(ctx, t->key);
  if (code || cipher_len > KRB_CIPHER_MAX)
    return failure_set(f, ERR_KRB_ENCTYPE, "the session key (%s) cannot be used", t->info.session_enctype);
  t->cipher_len = cipher_len;
  return ERR_OK;
}

/* Everything but head, which decides the size. */
static enum err fill(krb5_context ctx, const krb5_creds *creds, struct krb_ticket *t, struct failure *f)
{
  struct spnego_name client;
  krb_ticket_info_fill(ctx, creds, &t->info);
  if (!spnego_name_of(creds, &client) || !spnego_authenticator_init(&t->authenticator, &client))
    return failure_set(f, ERR_KRB_OTHER, "the client's name is too long for an authenticator");
  return fill_key(ctx, creds, t, f);
}

enum err krb_ticket_new(krb5_context ctx, const krb5_creds *creds, struct krb_ticket **ret, struct failure *f)
{
  enum { TOKEN_MAX = KRB_TICKET_MAX + KRB_CIPHER_MAX + 256 };
  struct buf head;
  struct krb_ticket *t = NULL, draft = {0};
  buf_init(&head, 2 * (size_t)TOKEN_MAX);
  uint8_t *token = malloc(TOKEN_MAX);
  enum err e = token ? fill(ctx, creds, &draft, f) : failure_set(f, ERR_NOMEM, "ticket");
  if (e) goto out;
  struct der_writer w;
  der_writer_init(&w, token, TOKEN_MAX);
  spnego_write_init(&w, creds->ticket.data, creds->ticket.length, draft.enctype, draft.cipher_len);
  if (w.overflow) {
    e = failure_set(f, ERR_KRB_OTHER, "the ticket has %u bytes; at most %d are carried", creds->ticket.length,
                    KRB_TICKET_MAX);
    goto out;
  }
  e = encode_head(&w, &head, &draft);
  if (!e) t = malloc(sizeof *t + head.len);
  if (!t) {
    e = failure_set(f, ERR_NOMEM, "ticket");
    goto out;
  }
  memcpy(t, &draft, sizeof *t);
  draft.key = NULL;
  t->head_len = head.len;
  memcpy(t->head, head.data, head.len);
  atomic_init(&t->refs, 1);
  pthread_mutex_init(&t->key_lock, NULL);
  *ret = t;
  e = ERR_OK;
out:
  if (draft.key) krb5_k_free_key(ctx, draft.key);
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

const struct krb_ticket_info *krb_ticket_describe(const struct krb_ticket *t)
{
  return &t->info;
}
