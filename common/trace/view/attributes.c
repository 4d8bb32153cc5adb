#include "attributes.h"

#include "story.h"

#include <stdlib.h>
#include <string.h>

enum form { PLAIN, TIME, MILLISECONDS, FLAGS, ENCTYPE, CLAIMS, HIDDEN };

static const struct field {
  const char *key, *label;
  enum form form;
} fields[] = {
    {"http.request.method", NULL, HIDDEN}, /* these make one line */
    {"url.full", NULL, HIDDEN},
    {"url.path", NULL, HIDDEN},
    {"http.response.status_code", NULL, HIDDEN},
    {"sevenstep.application", "application", PLAIN},
    {"sevenstep.location", "sends the user to", PLAIN},
    {"sevenstep.flow", "flow", PLAIN},
    {"sevenstep.user", "user", PLAIN},
    {"sevenstep.session", "session", PLAIN},
    {"token.alg", "token: algorithm", PLAIN},
    {"token.kid", "token: key", PLAIN},
    {"token.claims", "token: claims", CLAIMS},
    {"sevenstep.upn", "UPN", PLAIN},
    {"sevenstep.spn", "SPN", PLAIN},
    {"sevenstep.connector", "sent to", PLAIN},
    {"krb.cache", "ticket cache", PLAIN},
    {"krb.as_ms", "AS exchange", MILLISECONDS},
    {"krb.s4u2self_ms", "S4U2Self", MILLISECONDS},
    {"krb.s4u2proxy_ms", "S4U2Proxy", MILLISECONDS},
    {"krb.kdc", "KDC that answered", PLAIN},
    {"krb.error_code", "krb5 error code", PLAIN},
    {"krb.user", "user at the KDC", PLAIN},
    {"krb.channel_binding", "channel binding", PLAIN},
    {"krb.channel_bound", "channel bound", PLAIN},
    {"krb.client", "client", PLAIN},
    {"krb.server", "server", PLAIN},
    {"krb.delegated_by", "delegated by", PLAIN},
    {"krb.mutual", "mutual proof", PLAIN},
    {"krb.mechanism", "mechanism", PLAIN},
    {"krb.context_flags", "context flags", PLAIN},
    {"krb.verified_by", "verified by", PLAIN},
    {"http.response.body.size", "body bytes", PLAIN},
    {"sevenstep.origin", "answered by", PLAIN},
};

static const struct ticket {
  const char *prefix, *title;
} tickets[] = {
    {"krb.evidence.", "evidence ticket"},
    {"krb.service.", "service ticket"},
    {"krb.ticket.", "the ticket as received"},
};

static const struct field ticket_fields[] = {
    {"client", "client", PLAIN},
    {"server", "server", PLAIN},
    {"flags", "flags", FLAGS},
    {"forwardable", "forwardable", PLAIN},
    {"enctype", "enctype", ENCTYPE},
    {"session_enctype", "session key", ENCTYPE},
    {"kvno", "key version", PLAIN},
    {"auth_time", "authenticated", TIME},
    {"start_time", "valid from", TIME},
    {"end_time", "valid until", TIME},
    {"renew_until", "renew until", TIME},
    {"size", "bytes", PLAIN},
};

void ticket_flags_text(json_int_t flags, char *out, size_t size)
{
  static const struct {
    json_int_t bit;
    const char *name;
  } names[] = {
      {0x40000000, "forwardable"},    {0x20000000, "forwarded"},    {0x10000000, "proxiable"},
      {0x08000000, "proxy"},          {0x04000000, "may-postdate"}, {0x02000000, "postdated"},
      {0x01000000, "invalid"},        {0x00800000, "renewable"},    {0x00400000, "initial"},
      {0x00200000, "pre-authent"},    {0x00100000, "hw-authent"},   {0x00080000, "transited-policy-checked"},
      {0x00040000, "ok-as-delegate"}, {0x00010000, "enc-pa-rep"},   {0x00008000, "anonymous"},
  };
  size_t used = (size_t)snprintf(out, size, "0x%08llx", (unsigned long long)flags);
  for (size_t i = 0; i < sizeof names / sizeof *names && used < size; i++)
    if (flags & names[i].bit) used += (size_t)snprintf(out + used, size - used, ", %s", names[i].name);
}

static const char *enctype_name(json_int_t enctype)
{
  switch (enctype) {
  case 17:
    return "aes128-cts-hmac-sha1-96";
  case 18:
    return "aes256-cts-hmac-sha1-96";
  case 19:
    return "aes128-cts-hmac-sha256-128";
  case 20:
    return "aes256-cts-hmac-sha384-192";
  default:
    return "unknown";
  }
}

static void integer_text(json_int_t v, enum form form, char *out, size_t size)
{
  char when[32];
  switch (form) {
  case TIME:
    story_time(v * 1000000000, when);
    snprintf(out, size, "%.19sZ", when);
    break;
  case MILLISECONDS:
    snprintf(out, size, "%" JSON_INTEGER_FORMAT " ms", v);
    break;
  case FLAGS:
    ticket_flags_text(v, out, size);
    break;
  case ENCTYPE:
    snprintf(out, size, "%s (%" JSON_INTEGER_FORMAT ")", enctype_name(v), v);
    break;
  default:
    snprintf(out, size, "%" JSON_INTEGER_FORMAT, v);
  }
}

/* The value in words; points into v or to out. */
static const char *value_text(json_t *v, enum form form, char *out, size_t size)
{
  if (json_is_string(v)) return json_string_value(v);
  if (json_is_boolean(v)) return json_is_true(v) ? "yes" : "no";
  if (json_is_integer(v))
    integer_text(json_integer_value(v), form, out, size);
  else if (json_is_real(v))
    snprintf(out, size, "%.3f%s", json_real_value(v), form == MILLISECONDS ? " ms" : "");
  else
    snprintf(out, size, "-");
  return out;
}

struct place {
  const struct page *page;
  int indent, column;
};

static void row(const struct place *at, const char *label, json_t *v, enum form form)
{
  char text[512];
  page_row(at->page, at->indent, at->column, label, TONE_PLAIN, value_text(v, form, text, sizeof text));
}

static bool is_time_claim(const char *name)
{
  return strcmp(name, "exp") == 0 || strcmp(name, "iat") == 0 || strcmp(name, "nbf") == 0 ||
         strcmp(name, "auth_time") == 0;
}

static void claim(const struct place *at, const char *name, json_t *v)
{
  char text[512], when[64];
  if (json_is_integer(v) && is_time_claim(name)) {
    integer_text(json_integer_value(v), TIME, when, sizeof when);
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT "  (%s)", json_integer_value(v), when);
    page_row(at->page, at->indent, at->column, name, TONE_PLAIN, text);
  } else if (json_is_object(v) || json_is_array(v)) {
    char *dump = json_dumps(v, JSON_COMPACT);
    page_row(at->page, at->indent, at->column, name, TONE_PLAIN, dump ? dump : "-");
    free(dump);
  } else {
    row(at, name, v, PLAIN);
  }
}

static void claims(const struct place *at, const char *label, json_t *v, const char *before)
{
  if (before && json_is_string(v) && strcmp(before, json_string_value(v)) == 0) {
    page_row(at->page, at->indent, at->column, label, TONE_PLAIN, "unchanged");
    return;
  }
  json_t *decoded = json_is_string(v) ? json_loads(json_string_value(v), 0, NULL) : NULL, *member;
  const char *name;
  struct place inner = {at->page, at->indent + 2, at->column};
  if (!json_is_object(decoded)) {
    row(at, label, v, PLAIN);
  } else {
    page_row(at->page, at->indent, at->column, label, TONE_PLAIN, "");
    json_object_foreach(decoded, name, member) claim(&inner, name, member);
  }
  json_decref(decoded);
}

static const struct field *field_of(const char *key)
{
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (strcmp(fields[i].key, key) == 0) return &fields[i];
  return NULL;
}

static void show_http(const struct place *at, json_t *all)
{
  json_t *method = json_object_get(all, "http.request.method"), *url = json_object_get(all, "url.full");
  json_t *status = json_object_get(all, "http.response.status_code");
  if (!url) url = json_object_get(all, "url.path");
  char text[1400], number[32];
  int n = 0;
  if (json_is_string(method) || json_is_string(url))
    n = snprintf(text, sizeof text, "%s %s", json_is_string(method) ? json_string_value(method) : "",
                 json_is_string(url) ? json_string_value(url) : "");
  if (status && n >= 0 && (size_t)n < sizeof text)
    n += snprintf(text + n, sizeof text - (size_t)n, " -> %s",
                  value_text(status, PLAIN, number, sizeof number));
  if (n > 0) page_row(at->page, at->indent, at->column, "HTTP", TONE_PLAIN, text + (text[0] == ' '));
}

static void show_ticket(const struct place *at, json_t *all, const struct ticket *ticket)
{
  struct place inner = {at->page, at->indent + 2, at->column};
  bool any = false;
  for (size_t i = 0; i < sizeof ticket_fields / sizeof *ticket_fields; i++) {
    char key[64];
    snprintf(key, sizeof key, "%s%s", ticket->prefix, ticket_fields[i].key);
    json_t *v = json_object_get(all, key);
    if (!v) continue;
    if (!any) page_row(at->page, at->indent, at->column, ticket->title, TONE_PLAIN, "");
    any = true;
    row(&inner, ticket_fields[i].label, v, ticket_fields[i].form);
  }
}

static bool of_ticket(const char *key)
{
  for (size_t t = 0; t < sizeof tickets / sizeof *tickets; t++) {
    size_t n = strlen(tickets[t].prefix);
    if (strncmp(key, tickets[t].prefix, n) != 0) continue;
    for (size_t i = 0; i < sizeof ticket_fields / sizeof *ticket_fields; i++)
      if (strcmp(key + n, ticket_fields[i].key) == 0) return true;
  }
  return false;
}

void attributes_show(const struct page *p, json_t *span, const char *claims_before, int indent, int column)
{
  struct place at = {p, indent, column};
  json_t *all = json_object_get(span, "attributes"), *v;
  const char *key;
  show_http(&at, all);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    v = json_object_get(all, fields[i].key);
    if (!v || fields[i].form == HIDDEN) continue;
    if (fields[i].form == CLAIMS)
      claims(&at, fields[i].label, v, claims_before);
    else
      row(&at, fields[i].label, v, fields[i].form);
  }
  for (size_t i = 0; i < sizeof tickets / sizeof *tickets; i++)
    show_ticket(&at, all, &tickets[i]);
  json_object_foreach(all, key, v)
  {
    if (!field_of(key) && !of_ticket(key)) row(&at, key, v, PLAIN);
  }
}
