/* Pre-authentication data (RFC 4120 5.2.7): what is inside of each type (RFC 6113, MS-SFU 2.2, MS-KILE 2.2).
 */
#include "wire_private.h"

#include <string.h>

static json_t *read_message(struct wire *w, const struct field *f, struct der in)
{
  (void)f;
  return message_read(w, in);
}

/* MS-KILE 2.2.8: a little-endian number of bits, not DER. */
static json_t *read_supported_enctypes(struct wire *w, const struct field *f, struct der in)
{
  static const struct word names[] = {{31, "des-cbc-crc"},
                                      {30, "des-cbc-md5"},
                                      {29, "arcfour-hmac"},
                                      {28, "aes128-cts-hmac-sha1-96"},
                                      {27, "aes256-cts-hmac-sha1-96"},
                                      {26, "aes256-cts-hmac-sha1-96-sk"},
                                      {15, "fast-supported"},
                                      {14, "compound-identity-supported"},
                                      {13, "claims-supported"},
                                      {12, "resource-sid-compression-disabled"},
                                      {0, NULL}};
  (void)w, (void)f;
  if (der_left(&in) != 4) return NULL;
  return json_flags(names, (uint32_t)in.p[0] | (uint32_t)in.p[1] << 8 | (uint32_t)in.p[2] << 16 |
                               (uint32_t)in.p[3] << 24);
}

static json_t *read_fast(struct wire *w, const struct field *f, struct der in)
{
  return w->replying ? field_fast_reply(w, f, in) : field_fast_request(w, f, in);
}

static const struct field etype_info2_fields[] = {{0, "etype", field_number, enctype_names, NULL},
                                                  {1, "salt", field_text, NULL, NULL},
                                                  {2, "s2kparams", field_bytes, NULL, NULL}};
static const struct type etype_info2 = TYPE_OF(0, etype_info2_fields);

static const struct field for_user_fields[] = {{0, "user_name", field_name, NULL, NULL},
                                               {1, "user_realm", field_text, NULL, NULL},
                                               {2, "cksum", field_checksum, NULL, NULL},
                                               {3, "auth_package", field_text, NULL, NULL}};
static const struct type for_user = TYPE_OF(0, for_user_fields);

static const struct field user_id_fields[] = {{0, "nonce", field_integer, NULL, NULL},
                                              {1, "cname", field_name, NULL, NULL},
                                              {2, "crealm", field_text, NULL, NULL},
                                              {3, "subject_certificate", field_bytes, NULL, NULL},
                                              {4, "options", field_flags, s4u_option_names, NULL}};
static const struct type user_id = TYPE_OF(0, user_id_fields);
static const struct field x509_user_fields[] = {{0, "user_id", field_sequence, NULL, &user_id},
                                                {1, "checksum", field_checksum, NULL, NULL}};
static const struct type x509_user = TYPE_OF(0, x509_user_fields);

static const struct field pac_options_fields[] = {{0, "flags", field_flags, pac_option_names, NULL}};
static const struct type pac_options = TYPE_OF(0, pac_options_fields);

/* Of other types the bytes are shown. */
static const struct {
  int64_t type;
  struct field value;
} contents[] = {
    {1, {0, NULL, read_message, NULL, NULL}},
    {2, {0, NULL, field_timestamp, NULL, NULL}},
    {19, {0, NULL, field_list, NULL, &etype_info2}},
    {129, {0, NULL, field_sequence, NULL, &for_user}},
    {130, {0, NULL, field_sequence, NULL, &x509_user}},
    {136, {0, NULL, read_fast, NULL, NULL}},
    {137, {0, NULL, read_message, NULL, NULL}},
    {165, {0, NULL, read_supported_enctypes, NULL, NULL}},
    {167, {0, NULL, field_sequence, NULL, &pac_options}},
};

static json_t *read_value(struct wire *w, int64_t type, struct der value)
{
  json_t *v = NULL;
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
    if (contents[i].type == type) v = contents[i].value.read(w, &contents[i].value, value);
  return v ? v : json_hex(value.p, der_left(&value));
}

/* What FAST hides often stands outside as well, for KDCs that know no FAST: told once. */
static bool stands_outside(const struct wire *w, const struct der *element)
{
  return w->inside_fast && !w->replying && der_left(&w->request) &&
         memmem(w->request.p, der_left(&w->request), element->p, der_left(element));
}

static json_t *read_padatum(struct wire *w, const struct der *whole, struct der item)
{
  int64_t type;
  struct der value;
  if (!der_take_int(&item, 1, &type) || !der_take_field(&item, 2, DER_OCTET_STRING, &value) ||
      der_left(&item))
    return NULL;
  json_t *out = json_pack("{s:o}", "type", json_number(padata_names, type));
  if (stands_outside(w, whole))
    json_object_set_new(out, "value", json_string("the same as outside of FAST"));
  else if (der_left(&value))
    json_object_set_new(out, "value", read_value(w, type, value));
  return out;
}

json_t *field_padata(struct wire *w, const struct field *f, struct der in)
{
  struct der list, item;
  (void)f;
  if (!der_take_last(&in, DER_SEQUENCE, &list)) return NULL;
  json_t *all = json_array();
  while (der_left(&list)) {
    struct der whole = list;
    json_t *one = NULL;
    if (der_take(&list, DER_SEQUENCE, &item)) {
      whole.end = list.p;
      one = read_padatum(w, &whole, item);
    }
    if (!one) {
      json_decref(all);
      return NULL;
    }
    json_array_append_new(all, one);
  }
  return all;
}

json_t *field_req_body_in_fast(struct wire *w, const struct field *f, struct der in)
{
  (void)f;
  return stands_outside(w, &in) ? json_string("the same as outside of FAST")
                                : schema_read(w, &kdc_req_body_type, in);
}
