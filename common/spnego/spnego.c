#include "spnego.h"

#include "spnego_oids.h"

#include <string.h>
#include <time.h>

static const uint8_t mech_types[] = {0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                     0x86, 0xf7, 0x12, 0x01, 0x02, 0x02};

const void *spnego_mech_types(size_t *ret_len)
{
  *ret_len = sizeof mech_types;
  return mech_types;
}

/* -- what a client sends --------------------------------------------------------------------------------- */

/* The cipher that will follow counts as written already: so a mark of 0 wraps it too. */
static void put_ap_req(struct der_writer *w, const void *ticket, size_t ticket_len, int enctype)
{
  der_wrap(w, DER_OCTET_STRING, 0); /* authenticator [4] EncryptedData { etype [0], cipher [2] } */
  der_wrap(w, DER_CONTEXT(2), 0);
  der_put_int_field(w, 0, enctype);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_CONTEXT(4), 0);
  size_t mark = der_written(w);
  der_put(w, ticket, ticket_len);
  der_wrap(w, DER_CONTEXT(3), mark);
  static const uint8_t mutual_required[] = {0x00, 0x20, 0x00, 0x00, 0x00};
  der_put_field(w, 2, DER_BIT_STRING, mutual_required, sizeof mutual_required);
  der_put_int_field(w, 1, AP_REQ);
  der_put_int_field(w, 0, 5);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_APPLICATION(AP_REQ), 0);
}

void spnego_write_init(struct der_writer *w, const void *ticket, size_t ticket_len, int enctype,
                       size_t cipher_len)
{
  /* Room for the cipher is counted as written, and given back at the end. */
  if ((size_t)(w->end - w->start) < cipher_len) {
    w->overflow = true;
    return;
  }
  uint8_t *end = w->end;
  w->at = end - cipher_len;
  put_ap_req(w, ticket, ticket_len, enctype);
  static const uint8_t ap_req_token[] = {0x01, 0x00};
  der_put(w, ap_req_token, sizeof ap_req_token);
  der_put_element(w, DER_OID, oid_krb5, sizeof oid_krb5);
  der_wrap(w, DER_APPLICATION(0), 0);
  der_wrap(w, DER_OCTET_STRING, 0); /* mechToken */
  der_wrap(w, DER_CONTEXT(2), 0);
  size_t mark = der_written(w);
  der_put(w, mech_types, sizeof mech_types);
  der_wrap(w, DER_CONTEXT(0), mark);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_CONTEXT(0), 0);
  der_put_element(w, DER_OID, oid_spnego, sizeof oid_spnego);
  der_wrap(w, DER_APPLICATION(0), 0);
  w->end = end - cipher_len;
}

static void put_name(struct der_writer *w, const struct spnego_name *name)
{
  size_t all = der_written(w);
  for (size_t i = name->count; i-- > 0;)
    der_put_element(w, DER_GENERAL_STRING, name->component[i].data, name->component[i].len);
  der_wrap(w, DER_SEQUENCE, all);
  der_wrap(w, DER_CONTEXT(1), all);
  der_put_int_field(w, 0, name->type);
  der_wrap(w, DER_SEQUENCE, all);
}

/* RFC 4121 4.1.1: length 16, no channel bindings, flags; all little-endian. */
/* Returns how many bytes from the end Bnd begins. */
static size_t put_gss_checksum(struct der_writer *w)
{
  enum { GSS_MUTUAL = 2, GSS_INTEG = 32, CHECKSUM_GSS = 0x8003 };
  uint8_t gss[24] = {16};
  gss[20] = GSS_MUTUAL | GSS_INTEG;
  size_t mark = der_written(w);
  der_put_field(w, 1, DER_OCTET_STRING, gss, sizeof gss);
  size_t end = der_written(w) - 4; /* headers of [1] and of the string, then its 24 bytes */
  der_put_int_field(w, 0, CHECKSUM_GSS);
  der_wrap(w, DER_SEQUENCE, mark);
  der_wrap(w, DER_CONTEXT(3), mark);
  return end - 4; /* Lgth */
}

bool spnego_authenticator_init(uint8_t plain[static SPNEGO_AUTHENTICATOR_MAX], struct spnego_form *form,
                               const struct spnego_name *client)
{
  struct der_writer w;
  der_writer_init(&w, plain, SPNEGO_AUTHENTICATOR_MAX);
  der_put_int_field(&w, 7, 0x20000000);
  size_t seq = der_written(&w) - 4; /* [7] INTEGER headers, then four bytes */
  der_put_field(&w, 5, DER_GENERALIZED_TIME, "19700101000000Z", 15);
  size_t ctime_end = der_written(&w) - 4;
  der_put_int_field(&w, 4, 999999);
  size_t cusec_end = der_written(&w) - 4;
  size_t bnd_end = put_gss_checksum(&w);
  size_t mark = der_written(&w);
  put_name(&w, client);
  der_wrap(&w, DER_CONTEXT(2), mark);
  der_put_field(&w, 1, DER_GENERAL_STRING, client->realm, client->realm_len);
  der_put_int_field(&w, 0, 5);
  der_wrap(&w, DER_SEQUENCE, 0);
  der_wrap(&w, DER_APPLICATION(AUTHENTICATOR), 0);
  if (w.overflow) return false;
  size_t len = der_written(&w);
  memmove(plain, w.at, len);
  *form = (struct spnego_form){.len = (uint16_t)len,
                               .seq_at = (uint16_t)(len - seq),
                               .ctime_at = (uint16_t)(len - ctime_end),
                               .cusec_at = (uint16_t)(len - cusec_end),
                               .bnd_at = (uint16_t)(len - bnd_end)};
  return true;
}

static void two_digits(uint8_t *out, int value)
{
  out[0] = (uint8_t)('0' + value / 10 % 10);
  out[1] = (uint8_t)('0' + value % 10);
}

void spnego_stamp(const uint8_t *plain, const struct spnego_form *form, uint8_t *out, int64_t ctime,
                  uint32_t cusec, uint32_t seq, const uint8_t *bnd)
{
  memcpy(out, plain, form->len);
  if (bnd) memcpy(out + form->bnd_at, bnd, SPNEGO_BND_LEN);
  time_t seconds = (time_t)ctime;
  struct tm tm;
  gmtime_r(&seconds, &tm);
  uint8_t *t = out + form->ctime_at;
  two_digits(t, (tm.tm_year + 1900) / 100);
  two_digits(t + 2, tm.tm_year % 100);
  two_digits(t + 4, tm.tm_mon + 1);
  two_digits(t + 6, tm.tm_mday);
  two_digits(t + 8, tm.tm_hour);
  two_digits(t + 10, tm.tm_min);
  two_digits(t + 12, tm.tm_sec);
  for (size_t i = 0; i < 3; i++)
    out[form->cusec_at + i] = (uint8_t)(cusec >> (16 - 8 * i));
  for (size_t i = 0; i < 4; i++)
    out[form->seq_at + i] = (uint8_t)(seq >> (24 - 8 * i));
}

size_t spnego_write_bindings(uint8_t out[static SPNEGO_BINDINGS_MAX], const void *hash, size_t n)
{
  static const char prefix[] = "tls-server-end-point:";
  const size_t prefix_len = sizeof prefix - 1, data = n ? prefix_len + n : 0;
  memset(out, 0, SPNEGO_BINDINGS_DATA); /* two addresses, of no type and no length; then the data's length */
  out[SPNEGO_BINDINGS_DATA - 4] = (uint8_t)data;
  if (n) {
    memcpy(out + SPNEGO_BINDINGS_DATA, prefix, prefix_len);
    memcpy(out + SPNEGO_BINDINGS_DATA + prefix_len, hash, n);
  }
  return SPNEGO_BINDINGS_DATA + data;
}

/* -- what a server answers ------------------------------------------------------------------------------- */

bool spnego_parse_time(const struct der *text, int64_t *ret)
{
  const uint8_t *s = text->p;
  if (der_left(text) != 15 || s[14] != 'Z') return false;
  int v[7];
  for (size_t i = 0; i < 7; i++) {
    if (s[2 * i] < '0' || s[2 * i] > '9' || s[2 * i + 1] < '0' || s[2 * i + 1] > '9') return false;
    v[i] = (s[2 * i] - '0') * 10 + s[2 * i + 1] - '0';
  }
  int year = v[0] * 100 + v[1];
  if (year < 1970 || v[2] < 1 || v[2] > 12 || v[3] < 1 || v[3] > 31 || v[4] > 23 || v[5] > 59 || v[6] > 60)
    return false;
  struct tm tm = {.tm_year = year - 1900,
                  .tm_mon = v[2] - 1,
                  .tm_mday = v[3],
                  .tm_hour = v[4],
                  .tm_min = v[5],
                  .tm_sec = v[6]};
  *ret = timegm(&tm);
  return true;
}

int spnego_krb_error(const void *data, size_t n)
{
  struct der d = der_of(data, n), body, skip;
  int64_t pvno, type, code;
  if (!der_take_last(&d, DER_APPLICATION(KRB_ERROR), &body) || !der_take_last(&body, DER_SEQUENCE, &d))
    return -1;
  if (!der_take_int(&d, 0, &pvno) || !der_take_int(&d, 1, &type) || pvno != 5 || type != KRB_ERROR) return -1;
  if (der_at(&d, DER_CONTEXT(2)) && !der_take(&d, DER_CONTEXT(2), &skip)) return -1;
  if (der_at(&d, DER_CONTEXT(3)) && !der_take(&d, DER_CONTEXT(3), &skip)) return -1;
  if (!der_take(&d, DER_CONTEXT(4), &skip) || !der_take(&d, DER_CONTEXT(5), &skip)) return -1;
  if (!der_take_int(&d, 6, &code) || code < 0 || code > 10000) return -1;
  return (int)code;
}

/* 60 { OID krb5, token id, message } (RFC 2743 3.1, RFC 4121 4.1). */
static const char *parse_ap_rep_token(struct der token, struct spnego_reply *ret, int *ret_krb_error)
{
  struct der body, oid, message;
  if (!der_take_last(&token, DER_APPLICATION(0), &body) || !der_take(&body, DER_OID, &oid))
    return "its Kerberos token is malformed";
  if (!der_equals(&oid, oid_krb5, sizeof oid_krb5)) return "its Kerberos token is of another mechanism";
  if (der_left(&body) < 2) return "its Kerberos token is malformed";
  unsigned id = (unsigned)(body.p[0] << 8 | body.p[1]);
  body.p += 2;
  if (id == 0x0300) {
    int code = spnego_krb_error(body.p, der_left(&body));
    if (code >= 0) *ret_krb_error = code;
    return "it answers with a Kerberos error";
  }
  if (id != 0x0200) return "its Kerberos token is not an AP-REP";
  struct der seq, field, enc, cipher;
  int64_t pvno, type, enctype, kvno;
  if (!der_take_last(&body, DER_APPLICATION(AP_REP), &message) ||
      !der_take_last(&message, DER_SEQUENCE, &seq) || !der_take_int(&seq, 0, &pvno) ||
      !der_take_int(&seq, 1, &type) || pvno != 5 || type != AP_REP ||
      !der_take_last(&seq, DER_CONTEXT(2), &field) || !der_take_last(&field, DER_SEQUENCE, &enc) ||
      !der_take_int(&enc, 0, &enctype) || (der_at(&enc, DER_CONTEXT(1)) && !der_take_int(&enc, 1, &kvno)) ||
      !der_take_field(&enc, 2, DER_OCTET_STRING, &cipher) || der_left(&enc) || enctype < INT16_MIN ||
      enctype > INT16_MAX)
    return "its AP-REP is malformed";
  ret->enctype = (int)enctype;
  ret->cipher = cipher;
  return NULL;
}

const char *spnego_parse_reply(const void *token, size_t n, struct spnego_reply *ret, int *ret_krb_error)
{
  struct der d = der_of(token, n), outer, seq, mech, inner, mic = {0};
  struct spnego_reply r = {0};
  int64_t state;
  bool has_mech, has_token, has_mic;
  if (!der_take_last(&d, DER_CONTEXT(1), &outer) || !der_take_last(&outer, DER_SEQUENCE, &seq))
    return "it is not a SPNEGO response";
  if (!der_take_int(&seq, 0, &state)) return "it has no negotiation state";
  has_mech = der_at(&seq, DER_CONTEXT(1));
  if (has_mech && !der_take_field(&seq, 1, DER_OID, &mech)) return "its mechanism is malformed";
  has_token = der_at(&seq, DER_CONTEXT(2));
  if (has_token && !der_take_field(&seq, 2, DER_OCTET_STRING, &inner)) return "its token is malformed";
  has_mic = der_at(&seq, DER_CONTEXT(3));
  if (has_mic && !der_take_field(&seq, 3, DER_OCTET_STRING, &mic)) return "its MIC is malformed";
  if (der_left(&seq)) return "something follows its fields";
  /* The reason inside a rejection is worth more than the rejection. */
  const char *why = has_token ? parse_ap_rep_token(inner, &r, ret_krb_error) : "it carries no Kerberos reply";
  if (state == 2 && has_token && why) return why;
  if (state == 2) return "it rejects the negotiation";
  if (state != 0) return "the negotiation is not completed";
  if (has_mech && !der_equals(&mech, oid_krb5, sizeof oid_krb5) &&
      !der_equals(&mech, oid_krb5_windows, sizeof oid_krb5_windows))
    return "it chose a mechanism that was not offered";
  if (why) return why;
  r.mic = mic;
  *ret = r;
  return NULL;
}

bool spnego_parse_ap_rep(const void *plain, size_t n, struct spnego_ap_rep *ret)
{
  struct der d = der_of(plain, n), app, seq, time, key, key_seq;
  struct spnego_ap_rep r = {0};
  int64_t cusec, number;
  if (!der_take_last(&d, DER_APPLICATION(ENC_AP_REP_PART), &app) || !der_take_last(&app, DER_SEQUENCE, &seq))
    return false;
  if (!der_take_field(&seq, 0, DER_GENERALIZED_TIME, &time) || !spnego_parse_time(&time, &r.ctime))
    return false;
  if (!der_take_int(&seq, 1, &cusec) || cusec < 0 || cusec > 999999) return false;
  if (der_at(&seq, DER_CONTEXT(2))) {
    if (!der_take(&seq, DER_CONTEXT(2), &key) || !der_take_last(&key, DER_SEQUENCE, &key_seq) ||
        !der_take_int(&key_seq, 0, &number) || number <= 0 || number > INT16_MAX ||
        !der_take_field(&key_seq, 1, DER_OCTET_STRING, &r.subkey) || der_left(&key_seq))
      return false;
    r.subkey_type = (int)number;
  }
  if (der_at(&seq, DER_CONTEXT(3)) && !der_take_int(&seq, 3, &number)) return false;
  if (der_left(&seq)) return false;
  r.cusec = (uint32_t)cusec;
  *ret = r;
  return true;
}
