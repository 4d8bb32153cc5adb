/* The privilege attribute certificate of a ticket (MS-PAC 2): its buffers, and whether its signatures are
 * right. libkrb5 takes it apart and verifies it; the library pac reads what is inside of its buffers. */
#include "delegation_info.h"
#include "logon_info.h"
#include "wire_private.h"

#include <stdlib.h>
#include <string.h>

typedef json_t *buffer_reader(const krb5_data *data);

static json_t *read_client_info(const krb5_data *data)
{
  struct client_info i;
  if (client_info_parse(data->data, data->length, &i)) return NULL;
  return json_pack("{s:s,s:o}", "name", i.name, "authtime", json_time(i.auth_time_s));
}

static json_t *read_delegation_info(const krb5_data *data)
{
  struct delegation_info i;
  char *rest = i.transited, *name;
  if (delegation_info_parse(data->data, data->length, &i)) return NULL;
  json_t *services = json_array();
  while ((name = strsep(&rest, ",")))
    if (*name) json_array_append_new(services, json_string(name));
  return json_pack("{s:s,s:o}", "s4u2proxy_target", i.target, "transited_services", services);
}

static void set_text(json_t *out, const char *key, const char *text)
{
  if (*text) json_object_set_new(out, key, json_string(text));
}

static json_t *read_upn_info(const krb5_data *data)
{
  struct upn_info i;
  if (upn_info_parse(data->data, data->length, &i)) return NULL;
  json_t *out = json_object();
  set_text(out, "upn", i.upn);
  set_text(out, "dns_domain", i.dns_domain);
  set_text(out, "account", i.account);
  set_text(out, "sid", i.sid);
  return out;
}

static json_t *read_logon_info(const krb5_data *data)
{
  struct logon_info i;
  if (logon_info_parse(data->data, data->length, &i)) return NULL;
  json_t *out = json_object(), *groups = json_array(), *sids = json_array();
  set_text(out, "account", i.account);
  set_text(out, "full_name", i.full_name);
  set_text(out, "domain", i.domain);
  set_text(out, "domain_sid", i.domain_sid);
  set_text(out, "logon_server", i.server);
  if (i.logon_time_s) json_object_set_new(out, "logon_time", json_time(i.logon_time_s));
  json_object_set_new(out, "user_rid", json_integer(i.user_rid));
  json_object_set_new(out, "primary_group_rid", json_integer(i.primary_group_rid));
  for (size_t k = 0; k < i.groups && k < PAC_GROUPS_MAX; k++)
    json_array_append_new(groups, json_integer(i.group_rid[k]));
  for (size_t k = 0; k < i.sids && k < PAC_SIDS_MAX; k++)
    json_array_append_new(sids, json_string(i.sid[k]));
  json_object_set_new(out, "group_rids", groups);
  json_object_set_new(out, "extra_sids", sids);
  return out;
}

static json_t *read_requester(const krb5_data *data)
{
  char sid[PAC_SID_MAX];
  return requester_sid_parse(data->data, data->length, sid) ? NULL : json_string(sid);
}

/* MS-PAC 2.8: a type of checksum, little-endian, and the checksum. */
static json_t *read_signature(const krb5_data *data)
{
  enum { TYPE = 4 };
  const uint8_t *p = (const uint8_t *)data->data;
  if (data->length <= TYPE) return NULL;
  uint32_t type = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  return json_pack("{s:o,s:o}", "type", json_number(checksum_names, (int32_t)type), "value",
                   json_hex(p + TYPE, data->length - TYPE));
}

static const struct {
  krb5_ui_4 type;
  const char *name;
  buffer_reader *read; /* NULL: only that it is there */
} buffers[] = {
    {1, "logon_info", read_logon_info},
    {10, "client_info", read_client_info},
    {12, "upn_dns_info", read_upn_info},
    {11, "delegation_info", read_delegation_info},
    {18, "requester_sid", read_requester},
    {2, "credentials_info", NULL},
    {13, "client_claims", NULL},
    {14, "device_info", NULL},
    {15, "device_claims", NULL},
    {17, "attributes_info", NULL},
    {6, "server_signature", read_signature},
    {7, "kdc_signature", read_signature},
    {16, "ticket_signature", read_signature},
    {19, "full_signature", read_signature},
};

static json_t *json_buffers(const struct wire *w, krb5_pac pac)
{
  json_t *out = json_object();
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
    krb5_data data;
    if (krb5_pac_get_buffer(w->ctx, pac, buffers[i].type, &data) != 0) continue;
    json_t *v = buffers[i].read ? buffers[i].read(&data) : NULL;
    json_object_set_new(out, buffers[i].name, v ? v : json_hex(data.data, data.length));
    krb5_free_data_contents(w->ctx, &data);
  }
  return out;
}

/* -- signatures ------------------------------------------------------------------------------------------ */

/* The enctype of the key that made the KDC's signature (RFC 3962 7, RFC 8009 7); 0: any. */
static krb5_enctype signer(const struct wire *w, krb5_pac pac)
{
  static const krb5_enctype of[] = {[15] = 17, [16] = 18, [17] = 25, [18] = 26, [19] = 19, [20] = 20};
  enum { KDC_SIGNATURE = 7 };
  krb5_data data;
  krb5_enctype type = 0;
  if (krb5_pac_get_buffer(w->ctx, pac, KDC_SIGNATURE, &data) != 0) return 0;
  if (data.length >= 4 && (uint8_t)data.data[0] < sizeof of / sizeof *of && !data.data[1])
    type = of[(uint8_t)data.data[0]];
  krb5_free_data_contents(w->ctx, &data);
  return type;
}

/* The key of the realm that signs is its ticket-granting service's. */
static bool kdc_entry(const struct wire *w, const krb5_data *realm, krb5_pac pac, krb5_keytab_entry *ret)
{
  krb5_principal name = NULL;
  if (krb5_build_principal_ext(w->ctx, &name, realm->length, realm->data, 6, "krbtgt", realm->length,
                               realm->data, 0) != 0)
    return false;
  bool found = krb5_kt_get_entry(w->ctx, w->keytab, name, 0, signer(w, pac), ret) == 0;
  krb5_free_principal(w->ctx, name);
  return found;
}

static json_t *json_verdict(const struct wire *w, krb5_error_code code, bool by_kdc)
{
  if (!code)
    return json_string(by_kdc ? "right, verified with the keys of the server and the KDC"
                              : "the server's is right; the KDC's key is in no keytab");
  const char *text = krb5_get_error_message(w->ctx, code);
  json_t *out = json_sprintf("wrong: %s", text);
  krb5_free_error_message(w->ctx, text);
  return out;
}

static json_t *verify(const struct wire *w, const krb5_ticket *t, krb5_pac pac)
{
  krb5_keytab_entry server = {0}, kdc = {0};
  krb5_pac verified = NULL;
  if (krb5_kt_get_entry(w->ctx, w->keytab, t->server, t->enc_part.kvno, t->enc_part.enctype, &server) != 0)
    return json_string("not verified: the server goes by another name in the keytab");
  bool by_kdc = kdc_entry(w, &t->server->realm, pac, &kdc);
  krb5_error_code code = krb5_kdc_verify_ticket(w->ctx, t->enc_part2, t->server, &server.key,
                                                by_kdc ? &kdc.key : NULL, &verified);
  json_t *out = json_verdict(w, code, by_kdc);
  krb5_pac_free(w->ctx, verified);
  krb5_free_keytab_entry_contents(w->ctx, &server);
  if (by_kdc) krb5_free_keytab_entry_contents(w->ctx, &kdc);
  return out;
}

json_t *pac_read(const struct wire *w, const krb5_ticket *t)
{
  krb5_authdata **found = NULL;
  krb5_pac pac = NULL;
  json_t *out = NULL;
  krb5_authdata *const *all = t->enc_part2->authorization_data;
  if (krb5_find_authdata(w->ctx, all, NULL, KRB5_AUTHDATA_WIN2K_PAC, &found) != 0 || !found) return NULL;
  if (krb5_pac_parse(w->ctx, found[0]->contents, found[0]->length, &pac) == 0) {
    out = json_buffers(w, pac);
    json_object_set_new(out, "signatures", verify(w, t, pac));
    krb5_pac_free(w->ctx, pac);
  } else {
    out = json_pack("{s:s}", "malformed", "the whole");
  }
  krb5_free_authdata(w->ctx, found);
  return out;
}
