/* Logout (OpenID Connect RP-Initiated Logout 1.0). An ID token of ours for the user who is signed in proves
 * that the client may ask for it; anybody else's request is put to the user first. Afterwards the user goes
 * to the client's registered address, or stays. */
#include "encode.h"
#include "form.h"
#include "forms.h"
#include "jws.h"
#include "pages.h"
#include "params.h"
#include "reply.h"
#include "sessions.h"

#include <jansson.h>
#include <string.h>

enum { TEXT_MAX = 40000 };

struct logout {
  struct fields params;
  bool confirmed;    /* the user pressed our own button */
  bool hint_good;    /* id_token_hint is a token of ours */
  bool hint_bad;     /* it is not */
  char subject[256]; /* the hint's */
  bool client_known;
  struct client client;
  const char *uri, *state; /* NULL: absent */
  struct buf request;      /* the parameters as they came, for our own form */
};

/* Text of a claim, cut to size - 1; false when it is no string or does not fit. */
static bool claim(const json_t *claims, const char *name, char *out, size_t size)
{
  const char *s = json_string_value(json_object_get(claims, name));
  if (!s || strlen(s) >= size) return false;
  memcpy(out, s, strlen(s) + 1);
  return true;
}

/* The signature and the issuer count, the times do not: the token's life may well be over (section 2). */
static bool read_hint(struct idp *i, const char *hint, char *subject, size_t subject_size,
                      struct client *client)
{
  char issuer[512], audience[256];
  struct jwks *keys = NULL;
  struct jws j;
  struct buf set;
  bool good = false;
  buf_init(&set, 65536);
  if (token_keys_jwks(i->keys, &set) || jwks_parse(buf_str(&set), set.len, &keys, NULL)) goto out;
  if (jws_verify(keys, hint, strlen(hint), &j, NULL)) goto out;
  json_t *claims = json_loadb(buf_str(&j.payload), j.payload.len, JSON_REJECT_DUPLICATES, NULL);
  good = !strcmp(j.typ, "JWT") && claim(claims, "iss", issuer, sizeof issuer) &&
         !strcmp(issuer, i->lab->idp.issuer.text) && claim(claims, "sub", subject, subject_size) &&
         claim(claims, "aud", audience, sizeof audience) && client_find(i->lab, audience, client);
  json_decref(claims);
  jws_clear(&j);
out:
  jwks_free(keys);
  buf_clear(&set);
  return good;
}

static enum err read_client(struct idp *i, struct logout *l, struct failure *f)
{
  const char *hint, *id;
  enum err e = params_get(&l->params, "id_token_hint", &hint, f);
  if (!e) e = params_get(&l->params, "client_id", &id, f);
  if (e) return e;
  if (hint) {
    l->hint_good = l->client_known = read_hint(i, hint, l->subject, sizeof l->subject, &l->client);
    l->hint_bad = !l->hint_good;
  }
  if (l->hint_good && id && strcmp(id, l->client.id) != 0)
    return failure_set(f, ERR_OIDC_INVALID_REQUEST, "client_id is not the audience of id_token_hint");
  if (!hint && id) l->client_known = client_find(i->lab, id, &l->client);
  return ERR_OK;
}

/* Our own form carries the client's parameters in "request", and the proof that this user pressed the button.
 */
static enum err unwrap(struct visit *v, struct logout *l, struct failure *f)
{
  const char *csrf, *request;
  struct fields inner;
  enum err e = params_get(&l->params, "csrf", &csrf, f);
  if (e || !csrf) return e;
  if ((e = params_get(&l->params, "request", &request, f))) return e;
  request = request ? request : "";
  if ((e = form_check(v->idp, v->q->fields, request, csrf, f))) return e;
  l->confirmed = true;
  e = params_parse(&inner, request, strlen(request), f);
  fields_clear(&l->params);
  l->params = inner;
  return e;
}

static enum err read_request(struct visit *v, struct logout *l, struct failure *f)
{
  const char *text;
  size_t n;
  enum err e = visit_form(v->q, &text, &n, f);
  if (e) return e;
  if (form_parse(&l->params, text, n)) return failure_set(f, ERR_OIDC_INVALID_REQUEST, "not a form");
  if ((e = unwrap(v, l, f))) return e;
  if (!l->confirmed && buf_append(&l->request, text, n)) return failure_set(f, ERR_NOMEM, "the request");
  if ((e = params_refuse_repeated(&l->params, f))) return e;
  if ((e = read_client(v->idp, l, f))) return e;
  if ((e = params_get(&l->params, "post_logout_redirect_uri", &l->uri, f))) return e;
  return params_get(&l->params, "state", &l->state, f);
}

static enum err go_on(struct visit *v, const struct logout *l)
{
  struct buf url;
  /* A forged hint, an unknown client or an unregistered address: no redirect (section 3). */
  if (!l->uri || l->hint_bad || !l->client_known || !client_post_logout_uri(&l->client, l->uri))
    return page_signed_out(v->r);
  buf_init(&url, TEXT_MAX);
  enum err e = buf_puts(&url, l->uri);
  if (!e && l->state) e = form_add(&url, "state", l->state);
  if (!e) e = httpd_redirect(v->r, 303, buf_str(&url));
  buf_clear(&url);
  return e;
}

static enum err answer(struct visit *v, const struct logout *l)
{
  char proof[FORM_PROOF_MAX];
  struct session s;
  enum err e = session_get(v->idp, v->q->fields, &s);
  if (e && e != ERR_NOT_FOUND) return e;
  bool asked_by_right = l->confirmed || (l->hint_good && !e && !strcmp(l->subject, s.user->name));
  if (!e && !asked_by_right) {
    e = form_prove(v->idp, v->q->fields, &v->r->fields, buf_str(&l->request), proof);
    return e ? e : page_sign_out(v->r, s.user->upn ? s.user->upn : s.user->name, buf_str(&l->request), proof);
  }
  e = session_end(v->idp, v->q->fields, &v->r->fields);
  return e ? e : go_on(v, l);
}

void end_session(const struct httpd_request *q, struct httpd_response *r)
{
  struct visit v;
  struct logout l = {0};
  struct failure f;
  fields_init(&l.params, 16, TEXT_MAX);
  buf_init(&l.request, TEXT_MAX);
  visit_begin(&v, q, r, 0, "logout", NULL);
  enum err e = read_request(&v, &l, &f);
  visit_failed(&v, e ? reply_page(&v, &f, NULL) : answer(&v, &l));
  visit_end(&v);
  fields_clear(&l.params);
  buf_clear(&l.request);
}
