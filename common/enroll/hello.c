#include "hello.h"

#include "encode.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

void hello_init(struct hello *h)
{
  memset(h, 0, sizeof *h);
  buf_init(&h->csr, CSR_MAX);
}

void hello_clear(struct hello *h)
{
  OPENSSL_cleanse(h->token, sizeof h->token);
  buf_clear(&h->csr);
}

enum err hello_write(const struct hello *h, struct buf *out)
{
  struct buf csr;
  buf_init(&csr, HELLO_MAX);
  enum err e = h->token[0] ? base64_encode(&csr, h->csr.data, h->csr.len) : ERR_OK;
  json_t *doc = json_pack("{s:s,s:s,s:s,s:s}", "name", h->name, "group", h->group, "tenant", h->tenant,
                          "version", h->version);
  if (!doc || (h->token[0] && (json_object_set_new(doc, "token", json_string(h->token)) ||
                               json_object_set_new(doc, "csr", json_string(buf_str(&csr))))))
    e = ERR_NOMEM;
  char *text = e ? NULL : json_dumps(doc, JSON_COMPACT);
  if (!e) e = text ? buf_puts(out, text) : ERR_NOMEM;
  if (text) OPENSSL_cleanse(text, strlen(text));
  free(text);
  json_decref(doc);
  buf_clear(&csr);
  return e;
}

/* Lower-case letters, digits, '-' and '.': names of connectors and groups, and domains. Upper case and '_'
 * too where `token`: base64url. */
static bool is_word(const char *s, bool token)
{
  for (; *s; s++) {
    bool plain = (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '-';
    if (!plain && (token ? !((*s >= 'A' && *s <= 'Z') || *s == '_') : *s != '.')) return false;
  }
  return true;
}

/* A member of min to max bytes; jansson refuses NUL in strings by itself. */
static bool read_word(const json_t *doc, const char *member, char *out, size_t min, size_t max, bool token)
{
  const json_t *value = json_object_get(doc, member);
  const char *s = json_string_value(value);
  size_t n = s ? json_string_length(value) : 0;
  if (!s || n < min || n > max || !is_word(s, token)) return false;
  memcpy(out, s, n + 1);
  return true;
}

static bool read_request(const json_t *doc, struct hello *h)
{
  const char *csr = json_string_value(json_object_get(doc, "csr"));
  return read_word(doc, "token", h->token, TOKEN_LEN, TOKEN_LEN, true) && csr &&
         base64_decode(&h->csr, csr, strlen(csr)) == ERR_OK && h->csr.len > 0;
}

enum err hello_read(const char *text, size_t n, struct hello *h, struct failure *f)
{
  json_t *doc = n <= HELLO_MAX ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
  size_t members = json_object_size(doc);
  bool ok = (members == 4 || members == 6) && read_word(doc, "name", h->name, 1, CONNECTOR_NAME_MAX, false) &&
            read_word(doc, "group", h->group, 1, CONNECTOR_NAME_MAX, false) &&
            read_word(doc, "tenant", h->tenant, 1, CONNECTOR_TENANT_MAX, false) &&
            read_word(doc, "version", h->version, 1, sizeof h->version - 1, false) &&
            (members == 4 || read_request(doc, h));
  json_decref(doc);
  return ok ? ERR_OK : failure_set(f, ERR_SYNTAX, "%zu bytes that are no hello", n);
}
