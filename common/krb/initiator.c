/* Per request: stamp the authenticator, encrypt it, append it to the constant text; then decrypt the answer's
 * AP-REP and compare. Nothing here allocates but the small struct; gss_init_sec_context does the same for
 * more than ten times the cost, because it parses, copies and derives everything anew (docs/kerberos.md has
 * the figures). */
#include "ticket.h"

#include "clock.h"
#include "encode.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REPLY_MAX = 16 * 1024, CUSEC_LOW = 32768, SECOND = 1000000 };

struct krb_initiator {
  struct krb_ticket *ticket;
  int64_t ctime;
  uint32_t cusec;
};

/* Microseconds since 1970, never twice the same, and never in the first 32768 of a second: so that cusec
 * always encodes to three bytes. Acceptors tolerate minutes; uniqueness is what replay detection needs (RFC
 * 4120 3.2.3). */
static int64_t next_time_us(void)
{
  static atomic_llong last;
  long long now = clock_wall_ns() / 1000, seen = atomic_load_explicit(&last, memory_order_relaxed), next;
  do {
    next = now > seen || now < seen - 60LL * SECOND ? now : seen + 1; /* a clock set back is followed */
    if (next % SECOND < CUSEC_LOW) next += CUSEC_LOW - next % SECOND;
  } while (
      !atomic_compare_exchange_weak_explicit(&last, &seen, next, memory_order_relaxed, memory_order_relaxed));
  return next;
}

/* The random sequence number is no secret; it only must not repeat predictably. Xorshift over a random seed,
 * one a thread. */
static uint32_t next_seq(void)
{
  static _Thread_local uint64_t state;
  if (!state) random_bytes(&state, sizeof state);
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return 0x20000000u | (uint32_t)(state >> 16 & 0x1fffffff);
}

enum err krb_binding_make(const void *hash, size_t n, struct krb_binding *ret)
{
  uint8_t text[SPNEGO_BINDINGS_MAX];
  krb5_context ctx = krb_crypto_context();
  krb5_checksum sum = {0};
  if (!ctx) return ERR_NOMEM;
  if (n > SPNEGO_END_POINT_MAX) return ERR_TOO_LARGE;
  krb5_data in = {.length = (unsigned)spnego_write_bindings(text, hash, n), .data = (char *)text};
  if (krb5_c_make_checksum(ctx, CKSUMTYPE_RSA_MD5, NULL, 0, &in, &sum) != 0) return ERR_INTERNAL;
  bool fits = sum.length == sizeof ret->bnd;
  if (fits) memcpy(ret->bnd, sum.contents, sizeof ret->bnd);
  krb5_free_checksum_contents(ctx, &sum);
  return fits ? ERR_OK : ERR_INTERNAL;
}

static enum err append_token(const struct krb_initiator *i, const struct krb_binding *binding,
                             krb5_context ctx, struct buf *out, struct failure *f)
{
  struct krb_ticket *t = i->ticket;
  uint8_t plain[SPNEGO_AUTHENTICATOR_MAX], rest[sizeof t->tail + KRB_CIPHER_MAX];
  spnego_stamp(krb_ticket_authenticator(t), &t->form, plain, i->ctime, i->cusec, next_seq(),
               binding ? binding->bnd : NULL);
  memcpy(rest, t->tail, t->tail_len);
  krb5_data in = {.length = (unsigned)t->form.len, .data = (char *)plain};
  krb5_enc_data enc = {.ciphertext = {.length = (unsigned)t->cipher_len, .data = (char *)rest + t->tail_len}};
  pthread_mutex_lock(&t->key_lock);
  krb5_error_code code = krb5_k_encrypt(ctx, t->key, KRB_USAGE_AP_REQ_AUTHENTICATOR, NULL, &in, &enc);
  pthread_mutex_unlock(&t->key_lock);
  if (code || enc.ciphertext.length != t->cipher_len)
    return failure_set(f, ERR_KRB_OTHER, "the authenticator cannot be encrypted (krb5 code %d)", (int)code);
  size_t before = out->len;
  enum err e = buf_append(out, t->data, t->head_len);
  if (!e) e = base64_encode(out, rest, t->tail_len + t->cipher_len);
  if (e) {
    out->len = before;
    return failure_set(f, e, "the Authorization field does not fit");
  }
  return ERR_OK;
}

enum err krb_initiator_new(struct krb_ticket *t, const struct krb_binding *binding, struct buf *authorization,
                           struct krb_initiator **ret, struct failure *f)
{
  krb5_context ctx = krb_crypto_context();
  struct krb_initiator *i = ctx ? malloc(sizeof *i) : NULL;
  if (!i) return failure_set(f, ERR_NOMEM, "initiator");
  int64_t us = next_time_us();
  *i = (struct krb_initiator){.ticket = t, .ctime = us / SECOND, .cusec = (uint32_t)(us % SECOND)};
  enum err e = append_token(i, binding, ctx, authorization, f);
  if (e) {
    free(i);
    return e;
  }
  krb_ticket_ref(t);
  *ret = i;
  return ERR_OK;
}

void krb_initiator_free(struct krb_initiator *i)
{
  if (!i) return;
  krb_ticket_unref(i->ticket);
  free(i);
}

/* -- the answer ------------------------------------------------------------------------------------------ */

/* The checksum type that goes with an encryption type (RFC 3962 7, RFC 8009 7); 0 for those we do not use. */
static krb5_cksumtype checksum_type(krb5_enctype e)
{
  switch (e) {
  case ENCTYPE_AES128_CTS_HMAC_SHA1_96:
    return CKSUMTYPE_HMAC_SHA1_96_AES128;
  case ENCTYPE_AES256_CTS_HMAC_SHA1_96:
    return CKSUMTYPE_HMAC_SHA1_96_AES256;
  case ENCTYPE_AES128_CTS_HMAC_SHA256_128:
    return CKSUMTYPE_HMAC_SHA256_128_AES128;
  case ENCTYPE_AES256_CTS_HMAC_SHA384_192:
    return CKSUMTYPE_HMAC_SHA384_192_AES256;
  default:
    return 0;
  }
}

/* RFC 4121 4.2.6.1, over the list of mechanisms that was offered (RFC 4178 5): signed by the acceptor, with
 * the key it chose if it chose one. Optional when the first mechanism is used; when it is there it must be
 * right. */
static bool mic_is_right(krb5_context ctx, const struct krb_ticket *t, const struct spnego_ap_rep *rep,
                         const struct der *mic)
{
  enum { HEADER = 16, FLAG_SENT_BY_ACCEPTOR = 1, FLAG_ACCEPTOR_SUBKEY = 4 };
  size_t n, types_len;
  const void *types = spnego_mech_types(&types_len);
  uint8_t signed_data[64 + HEADER];
  n = der_left(mic);
  if (n <= HEADER || types_len > 64 || memcmp(mic->p, "\x04\x04", 2) != 0) return false;
  bool subkey = mic->p[2] & FLAG_ACCEPTOR_SUBKEY;
  if (!(mic->p[2] & FLAG_SENT_BY_ACCEPTOR) || (subkey && !rep->subkey_type)) return false;
  memcpy(signed_data, types, types_len);
  memcpy(signed_data + types_len, mic->p, HEADER);

  krb5_keyblock *session = NULL;
  if (krb5_k_key_keyblock(ctx, t->key, &session) != 0) return false;
  krb5_keyblock chosen = *session;
  if (subkey)
    chosen = (krb5_keyblock){.enctype = rep->subkey_type,
                             .length = (unsigned)der_left(&rep->subkey),
                             .contents = (krb5_octet *)(uintptr_t)rep->subkey.p};
  krb5_boolean valid = FALSE;
  krb5_data data = {.length = (unsigned)(types_len + HEADER), .data = (char *)signed_data};
  krb5_checksum sum = {.checksum_type = checksum_type(chosen.enctype),
                       .length = (unsigned)(n - HEADER),
                       .contents = (krb5_octet *)(uintptr_t)(mic->p + HEADER)};
  if (sum.checksum_type == 0 ||
      krb5_c_verify_checksum(ctx, &chosen, KRB_USAGE_ACCEPTOR_SIGN, &data, &sum, &valid) != 0)
    valid = FALSE;
  krb5_free_keyblock(ctx, session);
  return valid;
}

/* The keys of this usage are derived each time, at 2 us: kept, they would be a fifth of a cached ticket. */
static krb5_error_code decrypt_reply(krb5_context ctx, const struct krb_ticket *t, const krb5_enc_data *enc,
                                     krb5_data *out)
{
  krb5_keyblock *session = NULL;
  krb5_error_code code = krb5_k_key_keyblock(ctx, t->key, &session);
  if (!code) code = krb5_c_decrypt(ctx, session, KRB_USAGE_AP_REP, NULL, enc, out);
  krb5_free_keyblock(ctx, session);
  return code;
}

static const char *check_reply(const struct krb_initiator *i, const uint8_t *token, size_t n,
                               int *ret_krb_error)
{
  const struct krb_ticket *t = i->ticket;
  krb5_context ctx = krb_crypto_context();
  struct spnego_reply reply;
  const char *why = spnego_parse_reply(token, n, &reply, ret_krb_error);
  if (why) return why;
  if (reply.enctype != t->facts.session_enctype) return "its AP-REP is encrypted by another type of key";
  uint8_t plain[1024];
  size_t cipher_len = der_left(&reply.cipher);
  if (!ctx || cipher_len > sizeof plain) return "its AP-REP is too long";
  krb5_enc_data enc = {
      .enctype = t->facts.session_enctype,
      .ciphertext = {.length = (unsigned)cipher_len, .data = (char *)(uintptr_t)reply.cipher.p}};
  krb5_data out = {.length = (unsigned)cipher_len, .data = (char *)plain};
  if (decrypt_reply(ctx, t, &enc, &out)) return "its AP-REP was not made with the service ticket's key";
  struct spnego_ap_rep rep;
  if (!spnego_parse_ap_rep(plain, out.length, &rep))
    why = "the inside of its AP-REP is malformed";
  else if (rep.ctime != i->ctime || rep.cusec != i->cusec)
    why = "its AP-REP answers another authenticator";
  else if (der_left(&reply.mic) && !mic_is_right(ctx, t, &rep, &reply.mic))
    why = "its MIC over the offered mechanisms is wrong";
  explicit_bzero(plain, sizeof plain); /* it may hold a subkey */
  return why;
}

enum err krb_initiator_finish(struct krb_initiator *i, const char *value, size_t n, struct failure *f)
{
  static const char scheme[] = "Negotiate";
  const size_t scheme_len = sizeof scheme - 1;
  if (n < scheme_len || strncasecmp(value, scheme, scheme_len) != 0 ||
      (n > scheme_len && value[scheme_len] != ' '))
    return failure_set(f, ERR_BACKEND_MUTUAL, "the application's answer is not of the Negotiate scheme");
  const char *text = value + scheme_len, *end = value + n;
  while (text < end && *text == ' ')
    text++;
  if (text == end) return failure_set(f, ERR_BACKEND_MUTUAL, "the application's answer carries no token");
  struct buf token;
  buf_init(&token, REPLY_MAX);
  int krb_error = 0;
  const char *why = "it is not base64";
  if (base64_decode(&token, text, (size_t)(end - text)) == ERR_OK)
    why = check_reply(i, token.data, token.len, &krb_error);
  enum err e = ERR_OK;
  if (why && krb_error)
    e = failure_set(f, ERR_BACKEND_MUTUAL, "the application's token was refused: %s (%d)", why, krb_error);
  else if (why)
    e = failure_set(f, ERR_BACKEND_MUTUAL, "the application's token was refused: %s", why);
  buf_clear(&token);
  return e;
}
