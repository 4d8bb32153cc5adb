/* What is encrypted in messages: by which key, under which usage number (RFC 4120 7.5.1, RFC 6113 5.4), and
 * what is inside. */
#include "wire_private.h"

#include <string.h>

enum usage {
  USAGE_TIMESTAMP = 1,
  USAGE_AS_REP = 3,
  USAGE_TGS_REQ_AUTHENTICATOR = 7,
  USAGE_TGS_REP_SESSION_KEY = 8,
  USAGE_TGS_REP_SUBKEY = 9,
  USAGE_AP_REQ_AUTHENTICATOR = 11,
  USAGE_AP_REP = 12,
  USAGE_FAST_REQUEST = 51,
  USAGE_FAST_REPLY = 52,
};

static json_t *json_sealed(const struct sealed *s)
{
  json_t *out = json_pack("{s:o}", "enctype", json_number(enctype_names, s->enctype));
  if (s->kvno) json_object_set_new(out, "kvno", json_integer(s->kvno));
  json_object_set_new(out, "bytes", json_integer((json_int_t)der_left(&s->cipher)));
  return out;
}

/* Takes over plain; NULL: it could not be decrypted, and why. */
static json_t *tell(struct wire *w, const struct sealed *s, uint8_t *plain, size_t n, const struct type *t,
                    const char *why)
{
  json_t *out = json_sealed(s);
  if (plain)
    json_object_set_new(out, "plain", schema_read(w, t, der_of(plain, n)));
  else
    json_object_set_new(out, "not_decrypted", json_string(why));
  plain_free(plain, n);
  return out;
}

/* -- keys in messages ------------------------------------------------------------------------------------ */

static json_t *take_key(struct der in, struct key *ret)
{
  struct der seq, value;
  int64_t type;
  if (!der_take_last(&in, DER_SEQUENCE, &seq) || !der_take_int(&seq, 0, &type) ||
      !der_take_field(&seq, 1, DER_OCTET_STRING, &value) || der_left(&seq))
    return NULL;
  key_set(ret, (krb5_enctype)type, value.p, der_left(&value));
  return json_key(ret);
}

static json_t *read_subkey(struct wire *w, const struct field *f, struct der in)
{
  (void)f;
  return take_key(in, &w->subkey);
}

static json_t *read_strengthen_key(struct wire *w, const struct field *f, struct der in)
{
  (void)f;
  return take_key(in, &w->strengthen_key);
}

/* That of the ticket that the message before it has brought. */
static json_t *read_session_key(struct wire *w, const struct field *f, struct der in)
{
  struct key k;
  (void)f;
  json_t *out = take_key(in, &k);
  if (out) keys_learn(w, &w->reply_ticket, &k);
  explicit_bzero(&k, sizeof k);
  return out;
}

static json_t *read_other_key(struct wire *w, const struct field *f, struct der in)
{
  struct key k;
  (void)w, (void)f;
  json_t *out = take_key(in, &k);
  explicit_bzero(&k, sizeof k);
  return out;
}

/* -- AP-REQ and AP-REP ----------------------------------------------------------------------------------- */

/* RFC 4121 4.1.1: what an initiator of GSSAPI says in the place of a checksum. */
static json_t *read_authenticator_checksum(struct wire *w, const struct field *f, struct der in)
{
  enum { GSS_CHECKSUM = 0x8003, BND = 4, FLAGS = 20, LEAST = 24 };
  static const uint8_t none[16];
  struct der probe = in, seq, value;
  int64_t type;
  if (!der_take_last(&probe, DER_SEQUENCE, &seq) || !der_take_int(&seq, 0, &type) || type != GSS_CHECKSUM ||
      !der_take_field(&seq, 1, DER_OCTET_STRING, &value) || der_left(&value) < LEAST)
    return field_checksum(w, f, in);
  const uint8_t *p = value.p + FLAGS;
  uint32_t flags = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  bool bound = memcmp(value.p + BND, none, sizeof none) != 0;
  return json_pack("{s:o,s:o,s:o}", "type", json_number(checksum_names, type), "gss_flags",
                   json_flags(gss_flag_names, flags), "channel_bindings",
                   bound ? json_hex(value.p + BND, sizeof none) : json_string("none"));
}

json_t *field_authenticator(struct wire *w, const struct field *f, struct der in)
{
  static const struct field fields[] = {
      {0, NULL, field_integer, NULL, NULL},    {1, "crealm", field_text, NULL, NULL},
      {2, "cname", field_name, NULL, NULL},    {3, "cksum", read_authenticator_checksum, NULL, NULL},
      {4, "cusec", field_integer, NULL, NULL}, {5, "ctime", field_time, NULL, NULL},
      {6, "subkey", read_subkey, NULL, NULL},  {7, "seq_number", field_integer, NULL, NULL},
      {8, NULL, field_nothing, NULL, NULL}};
  static const struct type authenticator = TYPE_OF(DER_APPLICATION(2), fields);
  struct sealed s;
  size_t n = 0;
  bool tgs = der_at(&w->request, DER_APPLICATION(12));
  (void)f;
  if (!sealed_take(&in, &s)) return NULL;
  uint8_t *plain =
      sealed_open(w, &s, &w->ticket_key, tgs ? USAGE_TGS_REQ_AUTHENTICATOR : USAGE_AP_REQ_AUTHENTICATOR, &n);
  return tell(w, &s, plain, n, &authenticator, "the ticket's session key is not known");
}

json_t *field_ap_rep_part(struct wire *w, const struct field *f, struct der in)
{
  static const struct field fields[] = {{0, "ctime", field_time, NULL, NULL},
                                        {1, "cusec", field_integer, NULL, NULL},
                                        {2, "subkey", read_other_key, NULL, NULL},
                                        {3, "seq_number", field_integer, NULL, NULL}};
  static const struct type part = TYPE_OF(DER_APPLICATION(27), fields);
  struct sealed s;
  size_t n = 0;
  (void)f;
  if (!sealed_take(&in, &s)) return NULL;
  uint8_t *plain = sealed_open(w, &s, &w->ticket_key, USAGE_AP_REP, &n);
  return tell(w, &s, plain, n, &part, "the ticket's session key is not known");
}

/* -- what the KDC says to the client alone --------------------------------------------------------------- */

static const struct field rep_part_fields[] = {{0, "session_key", read_session_key, NULL, NULL},
                                               {1, NULL, field_nothing, NULL, NULL}, /* last-req */
                                               {2, "nonce", field_integer, NULL, NULL},
                                               {3, "key_expiration", field_time, NULL, NULL},
                                               {4, "flags", field_flags, ticket_flag_names, NULL},
                                               {5, "authtime", field_time, NULL, NULL},
                                               {6, "starttime", field_time, NULL, NULL},
                                               {7, "endtime", field_time, NULL, NULL},
                                               {8, "renew_till", field_time, NULL, NULL},
                                               {9, "srealm", field_text, NULL, NULL},
                                               {10, "sname", field_name, NULL, NULL},
                                               {11, NULL, field_nothing, NULL, NULL}, /* caddr */
                                               {12, "encrypted_pa_data", field_padata, NULL, NULL}};

static uint8_t *open_tgs_rep(const struct wire *w, const struct sealed *s, size_t *ret_n)
{
  struct key strong, reply = w->subkey.n ? w->subkey : w->ticket_key;
  int usage = w->subkey.n ? USAGE_TGS_REP_SUBKEY : USAGE_TGS_REP_SESSION_KEY;
  if (key_combine(w, &w->strengthen_key, "strengthenkey", &reply, "replykey", &strong)) reply = strong;
  uint8_t *plain = sealed_open(w, s, &reply, usage, ret_n);
  explicit_bzero(&strong, sizeof strong);
  explicit_bzero(&reply, sizeof reply);
  return plain;
}

json_t *field_kdc_rep_part(struct wire *w, const struct field *f, struct der in)
{
  /* RFC 4120 5.4.2: what says it is of the other exchange is to be accepted, too. */
  static const struct type of_as = TYPE_OF(DER_APPLICATION(25), rep_part_fields);
  static const struct type of_tgs = TYPE_OF(DER_APPLICATION(26), rep_part_fields);
  struct sealed s;
  size_t n = 0;
  (void)f;
  if (!sealed_take(&in, &s)) return NULL;
  bool as = der_at(&w->request, DER_APPLICATION(10));
  uint8_t *plain = as ? sealed_open_by_keytab(w, &s, USAGE_AS_REP, &n) : open_tgs_rep(w, &s, &n);
  return tell(w, &s, plain, n, plain && n && *plain == of_as.tag ? &of_as : &of_tgs,
              as ? "no keytab has the client's key"
                 : "the session key of the ticket-granting ticket is not known");
}

json_t *field_timestamp(struct wire *w, const struct field *f, struct der in)
{
  static const struct field fields[] = {{0, "patimestamp", field_time, NULL, NULL},
                                        {1, "pausec", field_integer, NULL, NULL}};
  static const struct type timestamp = TYPE_OF(0, fields);
  struct sealed s;
  size_t n = 0;
  (void)f;
  if (!sealed_take(&in, &s)) return NULL;
  uint8_t *plain = sealed_open_by_keytab(w, &s, USAGE_TIMESTAMP, &n);
  return tell(w, &s, plain, n, &timestamp, "no keytab has the client's key");
}

/* -- FAST (RFC 6113 5.4) --------------------------------------------------------------------------------- */

/* The armor of a TGS exchange is made of what the request presents (5.4.1.1). */
static uint8_t *open_armored(const struct wire *w, const struct sealed *s, int usage, size_t *ret_n)
{
  struct key armor;
  if (!key_combine(w, &w->subkey, "subkeyarmor", &w->ticket_key, "ticketarmor", &armor)) return NULL;
  uint8_t *plain = sealed_open(w, s, &armor, usage, ret_n);
  explicit_bzero(&armor, sizeof armor);
  return plain;
}

static json_t *read_armored(struct wire *w, const struct sealed *s, int usage, const struct type *t)
{
  size_t n = 0;
  bool inside = w->inside_fast;
  uint8_t *plain = open_armored(w, s, usage, &n);
  w->inside_fast = true;
  json_t *out = tell(w, s, plain, n, t, "the armor key is not known");
  w->inside_fast = inside;
  return out;
}

json_t *field_fast_request(struct wire *w, const struct field *f, struct der in)
{
  static const struct field fields[] = {{0, "fast_options", field_flags, fast_option_names, NULL},
                                        {1, "padata", field_padata, NULL, NULL},
                                        {2, "req_body", field_req_body_in_fast, NULL, NULL}};
  static const struct type fast_req = TYPE_OF(0, fields);
  struct der choice, seq, skip, enc;
  struct sealed s;
  (void)f;
  if (!der_left(&in)) return json_string("");
  if (!der_take_last(&in, DER_CONTEXT(0), &choice) || !der_take_last(&choice, DER_SEQUENCE, &seq) ||
      (der_at(&seq, DER_CONTEXT(0)) && !der_take(&seq, DER_CONTEXT(0), &skip)) ||
      !der_take(&seq, DER_CONTEXT(1), &skip) || !der_take_last(&seq, DER_CONTEXT(2), &enc) ||
      !sealed_take(&enc, &s))
    return NULL;
  return read_armored(w, &s, USAGE_FAST_REQUEST, &fast_req);
}

json_t *field_fast_reply(struct wire *w, const struct field *f, struct der in)
{
  static const struct field finished_fields[] = {{0, "timestamp", field_time, NULL, NULL},
                                                 {1, "usec", field_integer, NULL, NULL},
                                                 {2, "crealm", field_text, NULL, NULL},
                                                 {3, "cname", field_name, NULL, NULL},
                                                 {4, "ticket_checksum", field_checksum, NULL, NULL}};
  static const struct type finished = TYPE_OF(0, finished_fields);
  static const struct field fields[] = {{0, "padata", field_padata, NULL, NULL},
                                        {1, "strengthen_key", read_strengthen_key, NULL, NULL},
                                        {2, "finished", field_sequence, NULL, &finished},
                                        {3, "nonce", field_integer, NULL, NULL}};
  static const struct type fast_rep = TYPE_OF(0, fields);
  struct der choice, seq, enc;
  struct sealed s;
  (void)f;
  if (!der_take_last(&in, DER_CONTEXT(0), &choice) || !der_take_last(&choice, DER_SEQUENCE, &seq) ||
      !der_take_last(&seq, DER_CONTEXT(0), &enc) || !sealed_take(&enc, &s))
    return NULL;
  return read_armored(w, &s, USAGE_FAST_REPLY, &fast_rep);
}
