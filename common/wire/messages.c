/* The messages of RFC 4120 (5.4, 5.5, 5.9), field by field. */
#include "wire_private.h"

#include <string.h>

/* -- parts of messages ----------------------------------------------------------------------------------- */

json_t *field_checksum(struct wire *w, const struct field *f, struct der in)
{
  static const struct field fields[] = {{0, "type", field_number, checksum_names, NULL},
                                        {1, "value", field_bytes, NULL, NULL}};
  static const struct type checksum = TYPE_OF(0, fields);
  (void)f;
  return schema_read(w, &checksum, in);
}

static json_t *read_tickets(struct wire *w, const struct field *f, struct der in)
{
  struct der list, inside;
  (void)f;
  if (!der_take_last(&in, DER_SEQUENCE, &list)) return NULL;
  json_t *all = json_array();
  while (der_left(&list)) {
    struct der whole = list;
    if (!der_take(&list, DER_APPLICATION(1), &inside)) {
      json_decref(all);
      return NULL;
    }
    whole.end = list.p;
    json_array_append_new(all, ticket_read(w, whole, NULL));
  }
  return all;
}

/* Whoever can use it shows so by the authenticator behind it. */
static json_t *read_presented_ticket(struct wire *w, const struct field *f, struct der in)
{
  (void)f;
  return ticket_read(w, in, &w->ticket_key);
}

/* What is encrypted behind it tells the session key that goes with it. */
static json_t *read_issued_ticket(struct wire *w, const struct field *f, struct der in)
{
  (void)f;
  w->reply_ticket = in;
  return ticket_read(w, in, NULL);
}

/* METHOD-DATA (RFC 4120 5.9.1), or what somebody else thought of. */
static json_t *read_error_data(struct wire *w, const struct field *f, struct der in)
{
  struct der data, list, item, probe;
  if (!der_take_last(&in, DER_OCTET_STRING, &data)) return NULL;
  probe = data;
  if (der_take_last(&probe, DER_SEQUENCE, &list) && der_take(&list, DER_SEQUENCE, &item) &&
      der_at(&item, DER_CONTEXT(1)))
    return field_padata(w, f, data);
  return json_hex(data.p, der_left(&data));
}

/* -- the messages ---------------------------------------------------------------------------------------- */

static const struct field kdc_req_body_fields[] = {
    {0, "kdc_options", field_flags, kdc_option_names, NULL},
    {1, "cname", field_name, NULL, NULL},
    {2, "realm", field_text, NULL, NULL},
    {3, "sname", field_name, NULL, NULL},
    {4, "from", field_time, NULL, NULL},
    {5, "till", field_time, NULL, NULL},
    {6, "rtime", field_time, NULL, NULL},
    {7, "nonce", field_integer, NULL, NULL},
    {8, "etype", field_numbers, enctype_names, NULL},
    {9, NULL, field_nothing, NULL, NULL},
    {10, NULL, field_nothing, NULL, NULL},
    {11, "additional_tickets", read_tickets, NULL, NULL},
};
const struct type kdc_req_body_type = TYPE_OF(0, kdc_req_body_fields);

static const struct field kdc_req_fields[] = {
    {1, NULL, field_integer, NULL, NULL},
    {2, NULL, field_integer, NULL, NULL},
    {3, "padata", field_padata, NULL, NULL},
    {4, "req_body", field_sequence, NULL, &kdc_req_body_type},
};

static const struct field kdc_rep_fields[] = {
    {0, NULL, field_integer, NULL, NULL},
    {1, NULL, field_integer, NULL, NULL},
    {2, "padata", field_padata, NULL, NULL},
    {3, "crealm", field_text, NULL, NULL},
    {4, "cname", field_name, NULL, NULL},
    {5, "ticket", read_issued_ticket, NULL, NULL},
    {6, "enc_part", field_kdc_rep_part, NULL, NULL},
};

static const struct field ap_req_fields[] = {
    {0, NULL, field_integer, NULL, NULL},
    {1, NULL, field_integer, NULL, NULL},
    {2, "ap_options", field_flags, ap_option_names, NULL},
    {3, "ticket", read_presented_ticket, NULL, NULL},
    {4, "authenticator", field_authenticator, NULL, NULL},
};

static const struct field ap_rep_fields[] = {
    {0, NULL, field_integer, NULL, NULL},
    {1, NULL, field_integer, NULL, NULL},
    {2, "enc_part", field_ap_rep_part, NULL, NULL},
};

static const struct field krb_error_fields[] = {
    {0, NULL, field_integer, NULL, NULL},
    {1, NULL, field_integer, NULL, NULL},
    {2, "ctime", field_time, NULL, NULL},
    {3, "cusec", field_integer, NULL, NULL},
    {4, "stime", field_time, NULL, NULL},
    {5, "susec", field_integer, NULL, NULL},
    {6, "error_code", field_number, error_names, NULL},
    {7, "crealm", field_text, NULL, NULL},
    {8, "cname", field_name, NULL, NULL},
    {9, "realm", field_text, NULL, NULL},
    {10, "sname", field_name, NULL, NULL},
    {11, "e_text", field_text, NULL, NULL},
    {12, "e_data", read_error_data, NULL, NULL},
};

static const struct message {
  const char *name;
  struct type type;
} messages[] = {
    {"AS-REQ", TYPE_OF(DER_APPLICATION(10), kdc_req_fields)},
    {"AS-REP", TYPE_OF(DER_APPLICATION(11), kdc_rep_fields)},
    {"TGS-REQ", TYPE_OF(DER_APPLICATION(12), kdc_req_fields)},
    {"TGS-REP", TYPE_OF(DER_APPLICATION(13), kdc_rep_fields)},
    {"AP-REQ", TYPE_OF(DER_APPLICATION(14), ap_req_fields)},
    {"AP-REP", TYPE_OF(DER_APPLICATION(15), ap_rep_fields)},
    {"KRB-ERROR", TYPE_OF(DER_APPLICATION(30), krb_error_fields)},
};

json_t *message_read(struct wire *w, struct der in)
{
  json_t *out = json_object();
  const struct message *m = NULL;
  for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
    if (der_at(&in, messages[i].type.tag)) m = &messages[i];
  json_object_set_new(out, "message", m ? json_string(m->name) : json_null());
  json_object_set_new(out, "bytes", json_integer((json_int_t)der_left(&in)));
  json_t *fields =
      m ? schema_read(w, &m->type, in) : json_pack("{s:s}", "malformed", "it is no message of Kerberos");
  json_object_update(out, fields);
  json_decref(fields);
  return out;
}
