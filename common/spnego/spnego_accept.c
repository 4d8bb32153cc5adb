/* The acceptor's half: reading a client's first token, and writing the answer to it. */
#include "spnego.h"

#include "spnego_oids.h"

#include <string.h>
#include <time.h>

/* 60 { OID krb5, 01 00, AP-REQ } (RFC 4121 4.1). */
static const char *parse_ap_req_token(struct der token, struct spnego_request *r)
{
  struct der body, oid, message, seq, field, options, enc;
  int64_t pvno, type, enctype, kvno;
  if (!der_take_last(&token, DER_APPLICATION(0), &body) || !der_take(&body, DER_OID, &oid))
    return "the Kerberos token is malformed";
  if (!der_equals(&oid, oid_krb5, sizeof oid_krb5)) return "the token is of another mechanism";
  if (der_left(&body) < 2 || body.p[0] != 0x01 || body.p[1] != 0x00)
    return "the Kerberos token is not an AP-REQ";
  body.p += 2;
  if (!der_take_last(&body, DER_APPLICATION(AP_REQ), &message) ||
      !der_take_last(&message, DER_SEQUENCE, &seq) || !der_take_int(&seq, 0, &pvno) ||
      !der_take_int(&seq, 1, &type) || pvno != 5 || type != AP_REQ ||
      !der_take_field(&seq, 2, DER_BIT_STRING, &options) || der_left(&options) != 5 || options.p[0] != 0)
    return "the AP-REQ is malformed";
  if (options.p[1] & 0x40) return "the AP-REQ uses a session key"; /* user to user: no business of ours */
  r->mutual = options.p[1] & 0x20;
  if (!der_take(&seq, DER_CONTEXT(3), &r->ticket) || !der_take_last(&seq, DER_CONTEXT(4), &field) ||
      !der_take_last(&field, DER_SEQUENCE, &enc) || !der_take_int(&enc, 0, &enctype) ||
      (der_at(&enc, DER_CONTEXT(1)) && !der_take_int(&enc, 1, &kvno)) ||
      !der_take_field(&enc, 2, DER_OCTET_STRING, &r->cipher) || der_left(&enc) || enctype < INT16_MIN ||
      enctype > INT16_MAX)
    return "the AP-REQ is malformed";
  r->enctype = (int)enctype;
  return NULL;
}

/* Is krb5, by either of its numbers, the first in the list? Every entry must be an OID. */
static bool parse_mech_types(struct der list, bool *ret_first)
{
  struct der oid;
  *ret_first = false;
  for (int i = 0; der_left(&list); i++) {
    if (i == 32 || !der_take(&list, DER_OID, &oid)) return false;
    if (i == 0) *ret_first = der_equals(&oid, oid_krb5, sizeof oid_krb5);
  }
  return true;
}

/* 60 { OID SPNEGO, [0] NegTokenInit } (RFC 4178 4.2.1). */
static const char *parse_init(struct der token, struct spnego_request *r)
{
  struct der body, oid, choice, seq, list, inner, skip;
  if (!der_take_last(&token, DER_APPLICATION(0), &body) || !der_take(&body, DER_OID, &oid) ||
      !der_equals(&oid, oid_spnego, sizeof oid_spnego) || !der_take_last(&body, DER_CONTEXT(0), &choice) ||
      !der_take_last(&choice, DER_SEQUENCE, &seq) || !der_take_field(&seq, 0, DER_SEQUENCE, &list) ||
      !parse_mech_types(list, &r->first))
    return "the SPNEGO token is malformed";
  if (der_at(&seq, DER_CONTEXT(1)) && !der_take(&seq, DER_CONTEXT(1), &skip))
    return "the SPNEGO token is malformed";
  if (!der_take_field(&seq, 2, DER_OCTET_STRING, &inner)) return "the SPNEGO token carries no Kerberos token";
  if (der_left(&seq)) r->first = false; /* a MIC, or something newer */
  return parse_ap_req_token(inner, r);
}

const char *spnego_parse_request(const void *token, size_t n, struct spnego_request *ret)
{
  struct der d = der_of(token, n), probe = d, body, oid;
  struct spnego_request r = {0};
  if (der_take(&probe, DER_APPLICATION(0), &body) && der_take(&body, DER_OID, &oid) &&
      der_equals(&oid, oid_krb5, sizeof oid_krb5))
    r.raw = r.first = true;
  const char *why = r.raw ? parse_ap_req_token(d, &r) : parse_init(d, &r);
  if (!why) *ret = r;
  return why;
}

static bool parse_name(struct der *d, struct der *ret_names)
{
  struct der field, seq, list, name;
  int64_t type;
  if (!der_take(d, DER_CONTEXT(2), &field) || !der_take_last(&field, DER_SEQUENCE, &seq) ||
      !der_take_int(&seq, 0, &type) || !der_take_field(&seq, 1, DER_SEQUENCE, &list) || der_left(&seq))
    return false;
  *ret_names = list;
  while (der_left(&list))
    if (!der_take(&list, DER_GENERAL_STRING, &name)) return false;
  return true;
}

static bool parse_checksum(struct der *d, struct spnego_authenticated *a)
{
  struct der field, seq;
  int64_t type;
  if (!der_at(d, DER_CONTEXT(3))) return true;
  if (!der_take(d, DER_CONTEXT(3), &field) || !der_take_last(&field, DER_SEQUENCE, &seq) ||
      !der_take_int(&seq, 0, &type) || type <= 0 || type > UINT16_MAX ||
      !der_take_field(&seq, 1, DER_OCTET_STRING, &a->checksum) || der_left(&seq))
    return false;
  a->checksum_type = (int)type;
  return true;
}

bool spnego_parse_authenticator(const void *plain, size_t n, struct spnego_authenticated *ret)
{
  struct der d = der_of(plain, n), app, seq, time, skip;
  struct spnego_authenticated a = {0};
  int64_t version, cusec, number;
  if (!der_take_last(&d, DER_APPLICATION(AUTHENTICATOR), &app) || !der_take_last(&app, DER_SEQUENCE, &seq) ||
      !der_take_int(&seq, 0, &version) || version != 5 ||
      !der_take_field(&seq, 1, DER_GENERAL_STRING, &a.realm) || !parse_name(&seq, &a.names) ||
      !parse_checksum(&seq, &a) || !der_take_int(&seq, 4, &cusec) || cusec < 0 || cusec > 999999 ||
      !der_take_field(&seq, 5, DER_GENERALIZED_TIME, &time) || !spnego_parse_time(&time, &a.ctime))
    return false;
  if (der_at(&seq, DER_CONTEXT(6)) && !der_take(&seq, DER_CONTEXT(6), &skip)) return false;
  if (der_at(&seq, DER_CONTEXT(7)) && !der_take_int(&seq, 7, &number)) return false;
  a.has_authdata = der_at(&seq, DER_CONTEXT(8));
  if (a.has_authdata && !der_take(&seq, DER_CONTEXT(8), &skip)) return false;
  if (der_left(&seq)) return false;
  a.cusec = (uint32_t)cusec;
  *ret = a;
  return true;
}

void spnego_write_ap_rep_part(struct der_writer *w, int64_t ctime, uint32_t cusec, uint32_t seq)
{
  char text[16];
  time_t seconds = (time_t)ctime;
  struct tm tm;
  gmtime_r(&seconds, &tm);
  size_t n = strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm);
  der_put_int_field(w, 3, seq);
  der_put_int_field(w, 1, cusec);
  der_put_field(w, 0, DER_GENERALIZED_TIME, text, n);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_APPLICATION(ENC_AP_REP_PART), 0);
}

static void put_ap_rep_token(struct der_writer *w, int enctype, const void *cipher, size_t n)
{
  static const uint8_t ap_rep_token[] = {0x02, 0x00};
  der_put_field(w, 2, DER_OCTET_STRING, cipher, n);
  der_put_int_field(w, 0, enctype);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_CONTEXT(2), 0);
  der_put_int_field(w, 1, AP_REP);
  der_put_int_field(w, 0, 5);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_APPLICATION(AP_REP), 0);
  der_put(w, ap_rep_token, sizeof ap_rep_token);
  der_put_element(w, DER_OID, oid_krb5, sizeof oid_krb5);
  der_wrap(w, DER_APPLICATION(0), 0);
}

void spnego_write_reply(struct der_writer *w, bool raw, int enctype, const void *cipher, size_t n)
{
  static const uint8_t accept_completed[] = {0xa0, 0x03, 0x0a, 0x01, 0x00};
  if (cipher) put_ap_rep_token(w, enctype, cipher, n);
  if (raw) return;
  if (cipher) {
    der_wrap(w, DER_OCTET_STRING, 0);
    der_wrap(w, DER_CONTEXT(2), 0);
  }
  der_put_field(w, 1, DER_OID, oid_krb5, sizeof oid_krb5);
  der_put(w, accept_completed, sizeof accept_completed);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_CONTEXT(1), 0);
}
