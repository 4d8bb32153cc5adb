/* The certificates of connectors, and the tokens they begin with: issued, checked, renewed and revoked. */
#include "authority.h"
#include "clock.h"
#include "encode.h"
#include "roster.h"
#include "roster_private.h"
#include "store.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_KEPT_S (30 * 86400) /* a token is remembered for so long, so that a late one is told why */

static enum err find(const struct lab *in, const char *name, const struct lab_connector **ret,
                     struct failure *f)
{
  *ret = lab_connector_by_name(in, name);
  return *ret ? ERR_OK : failure_set(f, ERR_CONNECTOR_UNKNOWN, "lab.yaml has no connector \"%.63s\"", name);
}

static enum err check_group(const struct lab_connector *lab, const char *group, const char *what,
                            struct failure *f)
{
  if (strcmp(group, lab->group) == 0) return ERR_OK;
  return failure_set(f, ERR_CONNECTOR_GROUP, "%s says group \"%.63s\", lab.yaml says that %s is in \"%s\"",
                     what, group, lab->name, lab->group);
}

static enum err check_tenant(const struct lab *in, const char *tenant, const char *what, struct failure *f)
{
  if (strcmp(tenant, in->tenant) == 0) return ERR_OK;
  return failure_set(f, ERR_CONNECTOR_TENANT, "%s says tenant \"%.200s\", this cloud's is \"%s\"", what,
                     tenant, in->tenant);
}

/* -- tokens ---------------------------------------------------------------------------------------------- */

static enum err make_token(char ret[TOKEN_LEN + 1])
{
  uint8_t raw[32];
  struct buf text;
  random_bytes(raw, sizeof raw);
  buf_init(&text, TOKEN_LEN + 1);
  enum err e = base64url_encode(&text, raw, sizeof raw);
  if (!e) memcpy(ret, buf_str(&text), TOKEN_LEN + 1);
  OPENSSL_cleanse(raw, sizeof raw);
  buf_wipe(&text);
  return e;
}

static int64_t revocations_of(struct roster *r, const char *name)
{
  pthread_mutex_lock(&r->lock);
  const struct record *c = roster_record(r, name);
  int64_t n = c ? c->revocations : 0;
  pthread_mutex_unlock(&r->lock);
  return n;
}

static enum err token_in(struct roster *r, const struct lab *in, const char *name, const char *group,
                         char ret[TOKEN_LEN + 1], struct failure *f)
{
  const struct lab_connector *lab;
  enum err e = find(in, name, &lab, f);
  if (!e && group) e = check_group(lab, group, "the request", f);
  if (e) return e;
  char token[TOKEN_LEN + 1], *text = NULL;
  int64_t expires = clock_wall_s() + in->cloud.registration_token_lifetime_s;
  json_t *doc = json_pack("{s:s,s:s,s:s,s:I,s:I}", "name", name, "group", lab->group, "tenant", in->tenant,
                          "revocations", (json_int_t)revocations_of(r, name), "expires", (json_int_t)expires);
  if (doc) text = json_dumps(doc, JSON_COMPACT);
  e = text ? make_token(token) : ERR_NOMEM;
  if (!e) e = store_put(r->store, "token", token, text, strlen(text), TOKEN_KEPT_S);
  free(text);
  json_decref(doc);
  if (e) return failure_set(f, e, "the token could not be kept");
  memcpy(ret, token, sizeof token);
  OPENSSL_cleanse(token, sizeof token);
  return ERR_OK;
}

enum err roster_token(struct roster *r, const char *name, const char *group, char ret[TOKEN_LEN + 1],
                      struct failure *f)
{
  const struct lab *in = lab_slot_get(&r->lab);
  enum err e = token_in(r, in, name, group, ret, f);
  lab_free(in);
  return e;
}

/* What the token was issued for must be what the connector says it is. */
static enum err check_terms(struct roster *r, const struct lab *in, const json_t *doc, const struct hello *h,
                            struct failure *f)
{
  const char *name = json_string_value(json_object_get(doc, "name")),
             *group = json_string_value(json_object_get(doc, "group")),
             *tenant = json_string_value(json_object_get(doc, "tenant"));
  int64_t expires = json_integer_value(json_object_get(doc, "expires")), now = clock_wall_s();
  if (!name || !group || !tenant) return failure_set(f, ERR_INTERNAL, "the token's record is damaged");
  if (strcmp(tenant, h->tenant) != 0) return check_tenant(in, h->tenant, "the connector", f);
  if (strcmp(name, h->name) != 0)
    return failure_set(f, ERR_REGISTRATION_TOKEN_FOREIGN, "it is for %s, and %s sent it", name, h->name);
  if (strcmp(group, h->group) != 0)
    return failure_set(f, ERR_CONNECTOR_GROUP, "the token is for group \"%s\", the connector says \"%s\"",
                       group, h->group);
  if (now >= expires)
    return failure_set(f, ERR_REGISTRATION_TOKEN_EXPIRED, "it ended %lld s ago", (long long)(now - expires));
  if (json_integer_value(json_object_get(doc, "revocations")) != revocations_of(r, name))
    return failure_set(f, ERR_CONNECTOR_REVOKED, "%s was revoked after its token was issued", name);
  return ERR_OK;
}

static enum err check_token(struct roster *r, const struct lab *in, const struct hello *h, struct failure *f)
{
  struct buf text;
  buf_init(&text, RECORD_MAX);
  enum err e = store_get(r->store, "token", h->token, &text);
  if (e == ERR_NOT_FOUND) e = ERR_REGISTRATION_TOKEN_UNKNOWN;
  if (e) {
    failure_set(f, e, "%s sent a token of unknown origin", h->name);
  } else if (store_get(r->store, "token used", h->token, NULL) != ERR_NOT_FOUND) {
    e = failure_set(f, ERR_REGISTRATION_TOKEN_USED, "%s sent it again", h->name);
  } else {
    json_t *doc = json_loadb(buf_str(&text), text.len, 0, NULL);
    e = check_terms(r, in, doc, h, f);
    json_decref(doc);
  }
  buf_clear(&text);
  return e;
}

/* Of many that come with it at once, one succeeds. */
static enum err use_token(struct roster *r, const struct hello *h, struct failure *f)
{
  enum err e = store_put_new(r->store, "token used", h->token, "", 0, TOKEN_KEPT_S);
  if (e == ERR_EXISTS) return failure_set(f, ERR_REGISTRATION_TOKEN_USED, "%s sent it again", h->name);
  return e ? failure_set(f, e, "that the token was used could not be kept") : ERR_OK;
}

/* -- certificates ---------------------------------------------------------------------------------------- */

static bool is_on_record(const struct record *c, const char *serial)
{
  return (c->serial[0] && strcmp(c->serial, serial) == 0) || (c->last[0] && strcmp(c->last, serial) == 0);
}

static enum err sign(struct roster *r, const struct lab *in, const struct lab_connector *lab,
                     const char *challenge, const uint8_t *csr, size_t n, struct certificate *ret,
                     struct buf *out, struct failure *f)
{
  struct certificate c = {.from_s = clock_wall_s()};
  c.until_s = c.from_s + in->cloud.certificate_lifetime_s;
  snprintf(c.name, sizeof c.name, "%s", lab->name);
  snprintf(c.group, sizeof c.group, "%s", lab->group);
  snprintf(c.tenant, sizeof c.tenant, "%s", in->tenant);
  enum err e = authority_sign(r->authority, csr, n, challenge, &c, out, f);
  if (!e) *ret = c;
  return e;
}

static enum err register_in(struct roster *r, const struct lab *in, const struct hello *h, struct buf *out,
                            struct failure *f)
{
  const struct lab_connector *lab;
  struct certificate c;
  struct buf der;
  char challenge[CHALLENGE_LEN + 1];
  enum err e = check_tenant(in, h->tenant, "the connector", f);
  if (!e) e = find(in, h->name, &lab, f);
  if (!e) e = check_token(r, in, h, f);
  if (!e) e = check_group(lab, h->group, "the connector", f);
  if (e) return e;
  buf_init(&der, CERTIFICATE_MAX);
  e = csr_challenge(h->token, challenge);
  /* A request that is refused does not use the token up; and a certificate that nobody gets does no harm. */
  if (!e) e = sign(r, in, lab, challenge, h->csr.data, h->csr.len, &c, &der, f);
  if (!e) e = use_token(r, h, f);
  pthread_mutex_lock(&r->writing);
  pthread_mutex_lock(&r->lock);
  struct record *record = e ? NULL : roster_record(r, h->name), now;
  if (record) {
    memcpy(record->serial, c.serial, sizeof c.serial);
    memcpy(record->group, c.group, sizeof c.group);
    record->last[0] = 0;
    record->from_s = c.from_s;
    record->until_s = c.until_s;
    now = *record;
  }
  pthread_mutex_unlock(&r->lock);
  if (record) e = roster_save_record(r, &now);
  pthread_mutex_unlock(&r->writing);
  if (!e) e = record ? buf_append(out, der.data, der.len) : ERR_NOMEM;
  buf_clear(&der);
  return e && f->err != e ? failure_set(f, e, "the registration could not be kept") : e;
}

enum err roster_register(struct roster *r, const struct hello *h, struct buf *out, struct failure *f)
{
  const struct lab *in = lab_slot_get(&r->lab);
  enum err e = register_in(r, in, h, out, f);
  lab_free(in);
  return e;
}

/* A connector that was neither registered nor revoked here had its record lost, or another cloud's. */
static enum err check_record(struct roster *r, const struct certificate *c, struct failure *f)
{
  pthread_mutex_lock(&r->lock);
  const struct record *record = roster_record(r, c->name);
  bool good = record && is_on_record(record, c->serial);
  bool known = record && (record->serial[0] || record->revocations);
  pthread_mutex_unlock(&r->lock);
  if (good) return ERR_OK;
  return failure_set(f, known ? ERR_CONNECTOR_REVOKED : ERR_CONNECTOR_FORGOTTEN,
                     "%s's certificate with the serial number %s", c->name, c->serial);
}

static enum err admit_in(struct roster *r, const struct lab *in, const struct certificate *c,
                         struct failure *f)
{
  const struct lab_connector *lab;
  int64_t now = clock_wall_s();
  enum err e = check_tenant(in, c->tenant, "the certificate", f);
  if (!e) e = find(in, c->name, &lab, f);
  if (!e) e = check_group(lab, c->group, "the certificate", f);
  if (e) return e;
  if (now < c->from_s)
    return failure_set(f, ERR_CONNECTOR_NOT_YET_VALID, "%s's certificate begins in %lld s", c->name,
                       (long long)(c->from_s - now));
  if (now >= c->until_s)
    return failure_set(f, ERR_CONNECTOR_EXPIRED, "%s's certificate ended %lld s ago", c->name,
                       (long long)(now - c->until_s));
  return check_record(r, c, f);
}

static enum err renew_in(struct roster *r, const struct lab *in, const struct certificate *old,
                         const char *challenge, const uint8_t *csr, size_t n, struct buf *out,
                         struct failure *f)
{
  const struct lab_connector *lab;
  struct certificate c;
  struct buf der;
  enum err e = find(in, old->name, &lab, f);
  if (!e) e = admit_in(r, in, old, f);
  if (e) return e;
  buf_init(&der, CERTIFICATE_MAX);
  e = sign(r, in, lab, challenge, csr, n, &c, &der, f);
  pthread_mutex_lock(&r->writing);
  pthread_mutex_lock(&r->lock);
  struct record *record = e ? NULL : roster_record(r, old->name), now;
  if (record && !is_on_record(record, old->serial)) {
    e = failure_set(f, ERR_CONNECTOR_REVOKED, "%s was revoked meanwhile", old->name);
  } else if (record) {
    memcpy(record->last, old->serial, sizeof old->serial);
    memcpy(record->serial, c.serial, sizeof c.serial);
    now = *record;
  }
  pthread_mutex_unlock(&r->lock);
  if (record && !e) e = roster_save_record(r, &now);
  pthread_mutex_unlock(&r->writing);
  if (!e) e = record ? buf_append(out, der.data, der.len) : ERR_NOMEM;
  buf_clear(&der);
  return e && f->err != e ? failure_set(f, e, "the renewal could not be kept") : e;
}

enum err roster_renew(struct roster *r, const struct certificate *old, const char *challenge,
                      const uint8_t *csr, size_t n, struct buf *out, struct failure *f)
{
  const struct lab *in = lab_slot_get(&r->lab);
  enum err e = renew_in(r, in, old, challenge, csr, n, out, f);
  lab_free(in);
  return e;
}

static enum err revoke_in(struct roster *r, const struct lab *in, const char *name, struct failure *f)
{
  const struct lab_connector *lab;
  enum err e = find(in, name, &lab, f);
  if (e) return e;
  pthread_mutex_lock(&r->writing);
  pthread_mutex_lock(&r->lock);
  struct record *c = roster_record(r, lab->name), now;
  if (c) {
    c->serial[0] = c->last[0] = 0;
    c->revocations++;
    now = *c;
  }
  pthread_mutex_unlock(&r->lock);
  if (c) e = roster_save_record(r, &now);
  pthread_mutex_unlock(&r->writing);
  if (!c) e = ERR_NOMEM;
  return e ? failure_set(f, e, "the revocation could not be kept: it holds until the cloud ends only")
           : ERR_OK;
}

enum err roster_revoke(struct roster *r, const char *name, struct failure *f)
{
  const struct lab *in = lab_slot_get(&r->lab);
  enum err e = revoke_in(r, in, name, f);
  lab_free(in);
  return e;
}

enum err roster_admit(struct roster *r, const struct certificate *c, struct failure *f)
{
  const struct lab *in = lab_slot_get(&r->lab);
  enum err e = admit_in(r, in, c, f);
  lab_free(in);
  return e;
}

enum err roster_check(struct roster *r, const char *name, const uint8_t *der, size_t n, struct failure *f)
{
  struct certificate c;
  enum err e = certificate_read(der, n, &c, f);
  if (e) return e;
  if (strcmp(c.name, name) != 0)
    return failure_set(f, ERR_CONNECTOR_FORGOTTEN, "the certificate is for %s, not for %.63s", c.name, name);
  if (!authority_has_signed(r->authority, der, n))
    return failure_set(f, ERR_CONNECTOR_FORGOTTEN, "%s's certificate is signed by another authority", c.name);
  return roster_admit(r, &c, f);
}
