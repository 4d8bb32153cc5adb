/* Tickets are decoded and decrypted by libkrb5, which has public calls for that; for messages it has none. */
#include "wire_private.h"

#include <stdio.h>
#include <string.h>

static json_t *json_principal(const struct wire *w, krb5_const_principal p)
{
  char *text = NULL;
  if (!p || krb5_unparse_name(w->ctx, p, &text) != 0) return json_null();
  json_t *out = json_string(text);
  krb5_free_unparsed_name(w->ctx, text);
  return out ? out : json_string("(not UTF-8)");
}

static void set_time(json_t *out, const char *key, krb5_timestamp t)
{
  if (t) json_object_set_new(out, key, json_time((uint32_t)t)); /* counts to 2106 when read so */
}

static void tell_transited(json_t *out, const krb5_transited *t)
{
  if (t->tr_contents.length)
    json_object_set_new(out, "transited", json_stringn(t->tr_contents.data, t->tr_contents.length));
}

static void tell_part(struct wire *w, const krb5_ticket *t, json_t *out)
{
  const krb5_enc_tkt_part *part = t->enc_part2;
  struct key session;
  json_t *pac;
  json_object_set_new(out, "client", json_principal(w, part->client));
  json_object_set_new(out, "flags", json_flags(ticket_flag_names, (uint32_t)part->flags));
  set_time(out, "authtime", part->times.authtime);
  set_time(out, "starttime", part->times.starttime);
  set_time(out, "endtime", part->times.endtime);
  set_time(out, "renew_till", part->times.renew_till);
  tell_transited(out, &part->transited);
  key_set(&session, part->session->enctype, part->session->contents, part->session->length);
  json_object_set_new(out, "session_key", json_key(&session));
  explicit_bzero(&session, sizeof session);
  pac = pac_read(w, t);
  if (pac) json_object_set_new(out, "pac", pac);
}

static json_t *no_key(const struct wire *w, const krb5_ticket *t, bool learned)
{
  char text[512];
  char *server = NULL;
  if (krb5_unparse_name(w->ctx, t->server, &server) != 0) server = NULL;
  snprintf(text, sizeof text, "no keytab has the key of %s, version %u%s", server ? server : "its server",
           t->enc_part.kvno, learned ? "; its session key is known by the reply that brought it" : "");
  krb5_free_unparsed_name(w->ctx, server);
  json_t *out = json_string(text);
  return out ? out : json_string("no keytab has its server's key");
}

static json_t *tell(struct wire *w, const krb5_ticket *t, const struct der *in, bool open, bool learned)
{
  json_t *out = json_pack("{s:o,s:o}", "server", json_principal(w, t->server), "enctype",
                          json_number(enctype_names, t->enc_part.enctype));
  if (t->enc_part.kvno) json_object_set_new(out, "kvno", json_integer(t->enc_part.kvno));
  json_object_set_new(out, "bytes", json_integer((json_int_t)der_left(in)));
  if (open)
    tell_part(w, t, out);
  else
    json_object_set_new(out, "not_decrypted", no_key(w, t, learned));
  return out;
}

json_t *ticket_read(struct wire *w, struct der in, struct key *ret_key)
{
  krb5_data encoded = {.length = (unsigned)der_left(&in), .data = (char *)(uintptr_t)in.p};
  krb5_ticket *t = NULL;
  if (krb5_decode_ticket(&encoded, &t) != 0) return json_pack("{s:s}", "malformed", "the whole");
  bool open = w->n_keys && krb5_server_decrypt_ticket_keytab(w->ctx, w->keytab, t) == 0;
  struct key learned = {0};
  if (!open) keys_learned(w, &in, &learned);
  if (ret_key && open)
    key_set(ret_key, t->enc_part2->session->enctype, t->enc_part2->session->contents,
            t->enc_part2->session->length);
  else if (ret_key)
    *ret_key = learned;
  json_t *out = tell(w, t, &in, open, learned.n > 0);
  explicit_bzero(&learned, sizeof learned);
  krb5_free_ticket(w->ctx, t); /* wipes the session key */
  return out;
}
