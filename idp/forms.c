#include "forms.h"

#include "clock.h"
#include "encode.h"
#include "rules.h"
#include "sessions.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAC_LEN = 32, MAC_TEXT = 43, INPUT_MAX = 32768 };

static bool cookie_value(const struct fields *request, char value[static IDP_SECRET_TEXT + 1])
{
  const char *at;
  size_t n;
  if (rules_cookie_get(request, FORM_COOKIE, &at, &n) || n != IDP_SECRET_TEXT) return false;
  memcpy(value, at, n);
  value[n] = 0;
  return true;
}

/* "TIME.MAC". The cookie has a fixed length and the time no dot, so that the parts cannot be cut otherwise.
 */
static enum err make_proof(const struct idp *i, int64_t time_s, const char *cookie, const char *content,
                           char proof[static FORM_PROOF_MAX])
{
  uint8_t mac[MAC_LEN];
  struct buf input, text;
  buf_init(&input, INPUT_MAX);
  buf_init(&text, MAC_TEXT + 1);
  enum err e = buf_printf(&input, "%lld.%s.%s", (long long)time_s, cookie, content);
  if (!e && !EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, i->form_key, sizeof i->form_key, input.data,
                       input.len, mac, sizeof mac, NULL))
    e = ERR_INTERNAL;
  if (!e) e = base64url_encode(&text, mac, sizeof mac);
  if (!e) snprintf(proof, FORM_PROOF_MAX, "%lld.%s", (long long)time_s, buf_str(&text));
  buf_wipe(&input);
  buf_clear(&text);
  return e;
}

enum err form_prove(struct idp *i, const struct fields *request, struct fields *response, const char *content,
                    char ret_proof[static FORM_PROOF_MAX])
{
  char cookie[IDP_SECRET_TEXT + 1];
  enum err e = ERR_OK;
  /* The same value for all tabs of a browser, or the first one's form would die when the second opens. */
  if (!cookie_value(request, cookie)) {
    idp_random_text(cookie);
    e = cookie_set(response, FORM_COOKIE, cookie, -1, "Lax");
  }
  return e ? e : make_proof(i, clock_wall_s(), cookie, content, ret_proof);
}

enum err form_check(struct idp *i, const struct fields *request, const char *content, const char *proof,
                    struct failure *f)
{
  char cookie[IDP_SECRET_TEXT + 1], expected[FORM_PROOF_MAX], *end;
  if (!cookie_value(request, cookie)) return failure_set(f, ERR_LOGON_FORGED, "the form's cookie is missing");
  int64_t time_s = strtoll(proof, &end, 10), now = clock_wall_s();
  if (*end != '.' || make_proof(i, time_s, cookie, content, expected) ||
      !constant_time_equal(proof, strlen(proof), expected, strlen(expected)))
    return failure_set(f, ERR_LOGON_FORGED, "the form was not made for this browser");
  if (time_s > now || now - time_s > FORM_LIFETIME_S)
    return failure_set(f, ERR_LOGON_FORGED, "the form is older than %d minutes", FORM_LIFETIME_S / 60);
  return ERR_OK;
}
