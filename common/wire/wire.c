#include "wire_private.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err wire_new(struct wire **ret, struct failure *f)
{
  static atomic_uint number;
  char name[64];
  struct wire *w = calloc(1, sizeof *w);
  if (!w) return failure_set(f, ERR_NOMEM, "the wire view");
  snprintf(name, sizeof name, "MEMORY:sevenstep-wire-%u", atomic_fetch_add(&number, 1));
  krb5_error_code code = krb5_init_context(&w->ctx);
  if (code) w->ctx = NULL;
  if (!code) code = krb5_kt_resolve(w->ctx, name, &w->keytab);
  if (code) {
    wire_free(w);
    return failure_set(f, ERR_KRB_OTHER, "krb5.conf cannot be used (krb5 code %d); see KRB5_CONFIG",
                       (int)code);
  }
  *ret = w;
  return ERR_OK;
}

static void forget_exchange(struct wire *w)
{
  w->request = w->reply_ticket = (struct der){NULL, NULL};
  w->replying = w->inside_fast = false;
  w->depth = 0;
  explicit_bzero(&w->ticket_key, sizeof w->ticket_key);
  explicit_bzero(&w->subkey, sizeof w->subkey);
  explicit_bzero(&w->strengthen_key, sizeof w->strengthen_key);
}

void wire_free(struct wire *w)
{
  if (!w) return;
  for (size_t i = 0; i < LEARNED_MAX; i++)
    free(w->learned[i].ticket);
  if (w->keytab) krb5_kt_close(w->ctx, w->keytab); /* of a MEMORY keytab the last one: it is destroyed */
  if (w->ctx) krb5_free_context(w->ctx);
  explicit_bzero(w, sizeof *w);
  free(w);
}

/* -- what an exchange was for ---------------------------------------------------------------------------- */

static const char *text_at(json_t *o, const char *key)
{
  const char *v = json_string_value(json_object_get(o, key));
  return v ? v : "";
}

static bool has_word(json_t *list, const char *word)
{
  json_t *v;
  size_t i;
  json_array_foreach(list, i, v)
  {
    if (json_is_string(v) && strcmp(json_string_value(v), word) == 0) return true;
  }
  return false;
}

static json_t *padata_of(json_t *message, const char *type)
{
  json_t *v;
  size_t i, n = strlen(type);
  json_array_foreach(json_object_get(message, "padata"), i, v)
  {
    const char *text = text_at(v, "type");
    if (strncmp(text, type, n) == 0 && text[n] == ' ') return json_object_get(v, "value");
  }
  return NULL;
}

static void label(json_t *out, const char *kind, json_t *what)
{
  json_object_set_new(out, "kind", json_string(kind));
  json_object_set_new(out, "what", what);
}

/* Whose ticket comes as evidence (MS-SFU 3.1.5.2.1). One from another realm is in the service's own name, and
 * only its PAC tells the user's, with his realm (3.2.5.2.3). */
static const char *evidence_of(json_t *body)
{
  json_t *ticket = json_array_get(json_object_get(body, "additional_tickets"), 0);
  const char *client = text_at(ticket, "client");
  const char *user = text_at(json_object_get(json_object_get(ticket, "pac"), "client_info"), "name");
  if (strchr(user, '@')) return user;
  return *client ? client : "whose ticket comes with it";
}

static void label_tgs(json_t *out, json_t *request)
{
  json_t *body = json_object_get(request, "req_body"), *user = padata_of(request, "PA-FOR-USER");
  json_t *x509 = json_object_get(padata_of(request, "PA-S4U-X509-USER"), "user_id");
  const char *sname = text_at(body, "sname");
  const char *name = user ? text_at(user, "user_name") : text_at(x509, "cname");
  const char *realm = user ? text_at(user, "user_realm") : text_at(x509, "crealm");
  if (strncmp(sname, "krbtgt/", 7) == 0 && !user && !x509)
    label(out, "tgs", json_sprintf("TGS: the way to another realm, by %s", sname));
  else if (user || x509)
    label(out, "s4u2self",
          json_sprintf("S4U2Self: a ticket in the name of %s@%s, to %s", name, realm, sname));
  else if (has_word(json_object_get(body, "kdc_options"), "cname-in-addl-tkt"))
    label(out, "s4u2proxy",
          json_sprintf("S4U2Proxy: a ticket in the name of %s, to %s", evidence_of(body), sname));
  else
    label(out, "tgs", json_sprintf("TGS: a ticket to %s", sname));
}

static void label_exchange(json_t *out, json_t *request)
{
  const char *message = text_at(request, "message");
  json_t *body = json_object_get(request, "req_body");
  if (strcmp(message, "AS-REQ") == 0)
    label(out, "as",
          json_sprintf("AS: %s asks for a ticket-granting ticket of its own", text_at(body, "cname")));
  else if (strcmp(message, "TGS-REQ") == 0)
    label_tgs(out, request);
  else if (strcmp(message, "AP-REQ") == 0)
    label(out, "ap",
          json_sprintf("AP: the ticket goes to %s", text_at(json_object_get(request, "ticket"), "server")));
  else
    label(out, "other", json_string("not understood"));
}

static json_t *read_half(struct wire *w, const void *data, size_t n)
{
  struct der message;
  if (!n) return json_null();
  if (!token_message(der_of(data, n), &message))
    return json_pack("{s:n,s:I,s:s}", "message", "bytes", (json_int_t)n, "malformed",
                     "it carries no message of Kerberos");
  if (!w->replying) w->request = message;
  return message_read(w, message);
}

json_t *wire_decode(struct wire *w, const void *sent, size_t sent_len, const void *received,
                    size_t received_len)
{
  json_t *out = json_object();
  forget_exchange(w);
  json_t *request = read_half(w, sent, sent_len);
  label_exchange(out, request);
  json_object_set_new(out, "request", request);
  w->replying = true;
  json_object_set_new(out, "reply", read_half(w, received, received_len));
  forget_exchange(w);
  return out;
}
