#include "identity.h"

#include "hello.h"
#include "secret_file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LEN (4096 + 128)
#define PEM_MAX  (CSR_KEY_MAX + 2 * CERTIFICATE_MAX)

struct identity {
  const struct actor *actor;
  const struct lab_connector *me;
  char pem[PATH_LEN], token[PATH_LEN], ca[PATH_LEN];
  struct buf key;      /* made for the request under way */
  struct buf accepted; /* key and certificate, to be stored */
  bool by_token;
};

static bool is_there(const char *path)
{
  return access(path, F_OK) == 0;
}

enum err identity_new(const struct actor *actor, const struct lab_connector *me, struct identity **ret,
                      struct failure *f)
{
  char folder[PATH_LEN];
  struct identity *i = calloc(1, sizeof *i);
  if (!i) return failure_set(f, ERR_NOMEM, "no memory");
  i->actor = actor;
  i->me = me;
  buf_init(&i->key, CSR_KEY_MAX);
  buf_init(&i->accepted, PEM_MAX);
  actor_path(actor, folder, "connectors");
  actor_path(actor, i->pem, "connectors/%s.pem", me->name);
  actor_path(actor, i->token, "connectors/%s.token", me->name);
  actor_path(actor, i->ca, "pki/ca.crt");
  enum err e = ERR_OK;
  if (mkdir(folder, 0700) && errno != EEXIST)
    e = failure_set(f, ERR_IO, "%s: %s", folder, strerror(errno));
  else if (!is_there(i->pem) && !is_there(i->token))
    e = failure_set(f, ERR_CONNECTOR_UNREGISTERED, "neither %s nor %s is there", i->pem, i->token);
  if (e)
    identity_free(i);
  else
    *ret = i;
  return e;
}

void identity_free(struct identity *i)
{
  if (!i) return;
  buf_wipe(&i->key);
  buf_wipe(&i->accepted);
  free(i);
}

enum err identity_tls(struct identity *i, struct tls_ctx **ret, bool *ret_registers, struct failure *f)
{
  bool registers = is_there(i->token);
  const char *pem = registers ? NULL : i->pem;
  enum err e = tls_client_ctx_new(i->ca, pem, pem, "h2", ret, f);
  if (!e) *ret_registers = registers;
  return e;
}

enum err identity_check(struct identity *i, struct failure *f)
{
  struct tls_ctx *tls;
  bool registers;
  enum err e = identity_tls(i, &tls, &registers, f);
  if (!e) tls_ctx_free(tls);
  return e;
}

static enum err read_token(const struct identity *i, char token[static TOKEN_LEN + 1], struct failure *f)
{
  struct buf text;
  buf_init(&text, 256);
  enum err e = secret_file_read(i->token, &text, f);
  size_t n = e ? 0 : strcspn(buf_str(&text), "\r\n");
  if (!e && n != TOKEN_LEN)
    e = failure_set(f, ERR_REGISTRATION_TOKEN_UNKNOWN, "%s holds no token: expected %d characters", i->token,
                    TOKEN_LEN);
  if (!e) {
    memcpy(token, text.data, TOKEN_LEN);
    token[TOKEN_LEN] = 0;
  }
  buf_wipe(&text);
  return e;
}

static enum err make_request(struct identity *i, const char *challenge, struct buf *out, struct failure *f)
{
  buf_wipe(&i->key);
  return csr_new(i->me->name, challenge, &i->key, out, f);
}

enum err identity_hello(struct identity *i, bool registers, struct buf *out, struct failure *f)
{
  struct hello h;
  char challenge[CHALLENGE_LEN + 1];
  hello_init(&h);
  snprintf(h.name, sizeof h.name, "%s", i->me->name);
  snprintf(h.group, sizeof h.group, "%s", i->me->group);
  snprintf(h.tenant, sizeof h.tenant, "%s", i->actor->lab->tenant);
  snprintf(h.version, sizeof h.version, "%s", actor_version());
  enum err e = registers ? read_token(i, h.token, f) : ERR_OK;
  if (!e && registers) {
    e = csr_challenge(h.token, challenge);
    if (!e) e = make_request(i, challenge, &h.csr, f);
    i->by_token = !e;
  }
  if (!e && hello_write(&h, out)) e = failure_set(f, ERR_NOMEM, "no memory");
  hello_clear(&h);
  return e;
}

enum err identity_renew(struct identity *i, const char *challenge, struct buf *out, struct failure *f)
{
  i->by_token = false;
  return make_request(i, challenge, out, f);
}

enum err identity_accept(struct identity *i, const uint8_t *der, size_t n, struct failure *f)
{
  if (i->accepted.len) return failure_set(f, ERR_AGAIN, "another one is being stored");
  if (!i->key.len) return failure_set(f, ERR_CONNECTOR_CERTIFICATE, "none was asked for");
  enum err e = buf_append(&i->accepted, i->key.data, i->key.len);
  if (!e) e = certificate_join(der, n, &i->key, i->me->name, &i->accepted, f);
  if (e)
    buf_wipe(&i->accepted);
  else
    buf_wipe(&i->key);
  return e;
}

enum err identity_store(struct identity *i, struct failure *f)
{
  enum err e = secret_file_write(i->pem, i->accepted.data, i->accepted.len, f);
  if (!e && i->by_token && unlink(i->token) && errno != ENOENT)
    e = failure_set(f, ERR_IO, "%s: %s", i->token, strerror(errno));
  buf_wipe(&i->accepted);
  return e;
}
