#include "authenticator.h"

#include "clock.h"
#include "encode.h"

#include <string.h>

enum { USAGE_AUTHENTICATOR = 11, USAGE_AP_REP = 12, PLAIN_MAX = 4096 };
enum { CHECKSUM_GSS = 0x8003, FLAG_DELEGATE = 1, FLAG_MUTUAL = 2, FLAG_DCE_STYLE = 0x1000 };

static uint32_t little_endian(const uint8_t *p)
{
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* RFC 4121 4.1.1: 16, channel bindings, flags; with credentials or extensions it is
 * longer, and GSSAPI's. */
static bool read_checksum(const struct spnego_authenticated *in, struct authenticator *a)
{
  const uint8_t *p = in->checksum.p;
  if (in->checksum_type != CHECKSUM_GSS || der_left(&in->checksum) < 24 || little_endian(p) != 16)
    return false;
  memcpy(a->bnd, p + 4, sizeof a->bnd);
  a->gss_flags = little_endian(p + 20);
  a->plain = der_left(&in->checksum) == 24 && !(a->gss_flags & (FLAG_DELEGATE | FLAG_DCE_STYLE)) &&
             !in->has_authdata;
  return true;
}

bool authenticator_read(struct known_ticket *t, const struct spnego_request *request,
                        struct authenticator *ret)
{
  uint8_t plain[PLAIN_MAX];
  size_t n = der_left(&request->cipher);
  krb5_context ctx = known_crypto_context();
  if (!ctx || n > sizeof plain || request->enctype != t->enctype) return false;
  krb5_enc_data enc = {.enctype = t->enctype,
                       .ciphertext = {.length = (unsigned)n, .data = (char *)(uintptr_t)request->cipher.p}};
  krb5_data out = {.length = (unsigned)n, .data = (char *)plain};
  struct known_key *k = known_ticket_lock_key(t);
  krb5_error_code code = krb5_k_decrypt(ctx, k->key, USAGE_AUTHENTICATOR, NULL, &enc, &out);
  known_ticket_unlock_key(k);
  if (code) return false;
  struct spnego_authenticated in;
  struct authenticator a = {0};
  bool right = spnego_parse_authenticator(plain, out.length, &in) &&
               der_equals(&in.realm, t->realm, t->realm_len) &&
               der_equals(&in.names, t->names, t->names_len) && read_checksum(&in, &a);
  if (right) {
    a.ctime = in.ctime;
    a.cusec = in.cusec;
    *ret = a;
  }
  explicit_bzero(plain, out.length); /* it may hold a subkey */
  return right;
}

bool authenticator_is_bound(const struct authenticator *a)
{
  static const uint8_t none[SPNEGO_BND_LEN];
  return memcmp(a->bnd, none, sizeof none) != 0;
}

bool authenticator_fits(const struct authenticator *a, const struct krb_channel *c)
{
  if (!c) return true;
  if (!authenticator_is_bound(a)) return !c->required;
  return constant_time_equal(a->bnd, sizeof a->bnd, c->bnd, sizeof c->bnd);
}

bool authenticator_is_timely(const struct known_ticket *t, const struct authenticator *a, int64_t now_s)
{
  return a->ctime >= now_s - CLOCK_SKEW_S && a->ctime <= now_s + CLOCK_SKEW_S &&
         t->info.start_time_s <= now_s + CLOCK_SKEW_S && t->info.end_time_s >= now_s - CLOCK_SKEW_S;
}

static krb5_error_code encrypt_answer(struct known_ticket *t, const krb5_data *in, krb5_enc_data *out)
{
  krb5_context ctx = known_crypto_context();
  if (!ctx) return KRB5_CRYPTO_INTERNAL;
  struct known_key *k = known_ticket_lock_key(t);
  krb5_error_code code = krb5_k_encrypt(ctx, k->key, USAGE_AP_REP, NULL, in, out);
  known_ticket_unlock_key(k);
  return code;
}

enum err authenticator_answer(struct known_ticket *t, const struct spnego_request *request,
                              const struct authenticator *a, struct buf *reply)
{
  uint8_t part[128], cipher[256], token[512];
  struct der_writer w;
  bool mutual = a->gss_flags & FLAG_MUTUAL;
  krb5_enc_data enc = {.ciphertext = {.length = sizeof cipher, .data = (char *)cipher}};
  if (mutual) {
    uint32_t seq = (uint32_t)(clock_mono_ns() & 0x3fffffff); /* no message follows that would use it */
    der_writer_init(&w, part, sizeof part);
    spnego_write_ap_rep_part(&w, a->ctime, a->cusec, seq);
    krb5_data in = {.length = (unsigned)der_written(&w), .data = (char *)w.at};
    if (w.overflow || encrypt_answer(t, &in, &enc)) return ERR_INTERNAL;
  }
  der_writer_init(&w, token, sizeof token);
  spnego_write_reply(&w, request->raw, t->enctype, mutual ? cipher : NULL,
                     mutual ? enc.ciphertext.length : 0);
  if (w.overflow) return ERR_INTERNAL;
  return buf_append(reply, w.at, der_written(&w));
}
