#include "session.h"

#include "clock.h"
#include "encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Both structures hold text and numbers only and are zeroed before they are filled, so they are sealed as
 * text: one line an item. No item can contain a line feed: UPN, SPN and name are validated, the rest is ours
 * or percent-safe. */

#define AAD_MAX 512

/* Neither names nor hosts contain spaces. */
static enum err aad_for(const char *purpose, const struct lab_app *app, const char *place,
                        char out[static AAD_MAX])
{
  return text_join(out, AAD_MAX, purpose, " ", app->name, " ", place);
}

static enum err seal_text(struct seal *s, const char *purpose, const struct lab_app *app, const char *place,
                          struct buf *text, struct buf *out)
{
  char aad[AAD_MAX];
  enum err e = aad_for(purpose, app, place, aad);
  if (!e) e = seal_close(s, aad, text->data, text->len, out);
  buf_wipe(text);
  return e;
}

/* Cuts the next line off *at into out; false when there is none or it does not fit. */
static bool next_line(const char **at, char *out, size_t max)
{
  const char *end = strchr(*at, '\n');
  if (!end || (size_t)(end - *at) >= max) return false;
  memcpy(out, *at, (size_t)(end - *at));
  out[end - *at] = 0;
  *at = end + 1;
  return true;
}

static bool next_number(const char **at, int64_t *out)
{
  char digits[32], *end;
  if (!next_line(at, digits, sizeof digits)) return false;
  *out = strtol(digits, &end, 10);
  return end > digits && *end == 0;
}

/* Of a user's choosing, and lines hold the session together. */
static void one_line(char *text)
{
  for (; *text; text++)
    if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = ' ';
}

void session_of_claims(struct session *ret, const struct lab_app *app, const struct token_claims *c)
{
  struct session s = {0};
  snprintf(s.upn, sizeof s.upn, "%s", c->upn);
  snprintf(s.login, sizeof s.login, "%s", c->login);
  snprintf(s.spn, sizeof s.spn, "%s", c->spn);
  snprintf(s.name, sizeof s.name, "%s", c->name);
  if (lab_app_tells(app, CLAIM_SUB)) snprintf(s.sub, sizeof s.sub, "%s", c->subject);
  if (lab_app_tells(app, CLAIM_GROUPS)) snprintf(s.groups, sizeof s.groups, "%s", c->groups);
  one_line(s.name);
  one_line(s.sub);
  *ret = s;
}

/* Names with the lab's suffix are the lab's to give, and to take away. */
static bool is_removed(const struct lab *lab, const char *upn)
{
  const char *at = strrchr(upn, '@');
  return at && strcasecmp(at + 1, lab->upn_suffix) == 0;
}

bool session_may_use(const struct lab *lab, const struct lab_app *app, const struct session *s, int64_t now_s)
{
  const struct lab_user *u = lab_user_by_upn(lab, s->upn);
  if (!u) return !is_removed(lab, s->upn);
  return lab_user_is_active(u, now_s) && lab_user_assigned(lab, app, u);
}

enum err session_claim(const struct session *s, enum lab_claim claim, struct buf *out)
{
  const char *text = claim == CLAIM_UPN    ? s->upn
                     : claim == CLAIM_NAME ? s->name
                     : claim == CLAIM_SUB  ? s->sub
                                           : s->groups;
  enum err e = ERR_OK;
  for (; *text && !e; text++) {
    unsigned char c = (unsigned char)*text;
    e = c >= 0x20 && c < 0x7f && c != '%' ? buf_putc(out, *text) : buf_printf(out, "%%%02X", c);
  }
  return e;
}

static enum err session_write(const struct session *session, struct buf *text)
{
  char id[33];
  hex_encode(id, session->id, sizeof session->id);
  return buf_printf(text, "%s\n%ld\n%ld\n%s\n%s\n%s\n%s\n%s\n%s\n", id, (long)session->issued_s,
                    (long)session->expires_s, session->upn, session->spn, session->name, session->login,
                    session->sub, session->groups);
}

enum err session_seal(struct seal *s, const struct lab_app *app, const char *host,
                      const struct session *session, struct buf *out)
{
  struct buf text;
  buf_init(&text, 4096);
  enum err e = session_write(session, &text);
  if (e) {
    buf_wipe(&text);
    return e;
  }
  return seal_text(s, "session", app, host, &text, out);
}

void session_cookie_name(const struct lab_app *app, char out[static COOKIE_NAME_MAX])
{
  bool root = app->external_url.path[1] == 0 && app->n_segments == 0 && !app->spread;
  enum err e = root ? text_join(out, COOKIE_NAME_MAX, COOKIE_SESSION)
                    : text_join(out, COOKIE_NAME_MAX, COOKIE_SESSION_APP, app->name);
  if (e) abort(); /* a name has 63 characters at most */
}

static bool session_read(const char *at, struct session *ret)
{
  char id[33];
  return next_line(&at, id, sizeof id) && hex_decode(ret->id, 16, id) == ERR_OK &&
         next_number(&at, &ret->issued_s) && next_number(&at, &ret->expires_s) &&
         next_line(&at, ret->upn, sizeof ret->upn) && next_line(&at, ret->spn, sizeof ret->spn) &&
         next_line(&at, ret->name, sizeof ret->name) && next_line(&at, ret->login, sizeof ret->login) &&
         next_line(&at, ret->sub, sizeof ret->sub) && next_line(&at, ret->groups, sizeof ret->groups) && !*at;
}

static bool session_is_valid(const struct session *s, int64_t now_s)
{
  return now_s < s->expires_s && now_s >= s->issued_s - 60;
}

enum err session_open(struct seal *s, const struct lab_app *app, const char *host, const char *text, size_t n,
                      int64_t now_s, struct session *ret)
{
  char aad[AAD_MAX];
  struct buf plain;
  struct session read = {0};
  buf_init(&plain, 4096);
  enum err e = aad_for("session", app, host, aad);
  if (!e) e = seal_reopen(s, aad, text, n, &plain);
  if (!e && !session_read(buf_str(&plain), &read)) e = ERR_SESSION_MALFORMED;
  if (!e && !session_is_valid(&read, now_s)) e = ERR_SESSION_EXPIRED;
  buf_wipe(&plain);
  if (!e) *ret = read;
  return e;
}

static enum err random_text(char out[static 44])
{
  uint8_t bytes[32];
  struct buf text;
  random_bytes(bytes, sizeof bytes);
  buf_init(&text, 64);
  enum err e = base64url_encode(&text, bytes, sizeof bytes);
  if (!e) memcpy(out, text.data, 44);
  buf_wipe(&text);
  return e;
}

enum err logon_begin(struct logon *ret, const struct trace_ctx *ctx, bool with_verifier,
                     const char *return_to, size_t n, int64_t now_s)
{
  struct logon l = {.issued_s = now_s};
  if (n > RETURN_MAX) return ERR_TOO_LARGE;
  memcpy(l.return_to, return_to, n);
  trace_ctx_format(ctx, l.state);
  l.state[TRACEPARENT_LEN] = '.';
  enum err e = random_text(l.state + TRACEPARENT_LEN + 1);
  if (!e) e = random_text(l.nonce);
  if (!e && with_verifier) e = random_text(l.verifier);
  if (!e) *ret = l;
  return e;
}

enum err logon_cookie_name(const char *state, char out[64])
{
  if (strlen(state) != TRACEPARENT_LEN + 1 + 43) return ERR_STATE_MISMATCH;
  const char *random = state + TRACEPARENT_LEN + 1;
  if (!http_is_token(random, 8)) return ERR_STATE_MISMATCH;
  snprintf(out, 64, "%s%.8s", COOKIE_LOGON, random);
  return ERR_OK;
}

enum err logon_seal(struct seal *s, const struct lab_app *app, const char *host, const struct logon *l,
                    struct buf *out)
{
  struct buf text;
  buf_init(&text, 4096);
  enum err e = buf_printf(&text, "%s\n%s\n%s\n%ld\n%s\n", l->state, l->nonce, l->verifier, (long)l->issued_s,
                          l->return_to);
  if (e) {
    buf_wipe(&text);
    return e;
  }
  return seal_text(s, "logon", app, host, &text, out);
}

static bool logon_read(const char *at, struct logon *ret)
{
  return next_line(&at, ret->state, sizeof ret->state) && next_line(&at, ret->nonce, sizeof ret->nonce) &&
         next_line(&at, ret->verifier, sizeof ret->verifier) && next_number(&at, &ret->issued_s) &&
         next_line(&at, ret->return_to, sizeof ret->return_to) && !*at;
}

enum err logon_open(struct seal *s, const struct lab_app *app, const char *host, const char *text, size_t n,
                    const char *state, int64_t now_s, struct logon *ret)
{
  char aad[AAD_MAX];
  struct buf plain;
  struct logon read = {0};
  buf_init(&plain, 8192);
  enum err e = aad_for("logon", app, host, aad);
  if (!e) e = seal_open(s, aad, text, n, &plain);
  if (e || !logon_read(buf_str(&plain), &read)) e = ERR_STATE_MISMATCH;
  if (!e && !constant_time_equal(read.state, strlen(read.state), state, strlen(state)))
    e = ERR_STATE_MISMATCH;
  if (!e && (now_s > read.issued_s + LOGON_LIFETIME_S || now_s < read.issued_s - 60)) e = ERR_STATE_MISMATCH;
  buf_wipe(&plain);
  if (!e) *ret = read;
  return e;
}

/* -- sessions on their way to another host
 * --------------------------------------------------------------------------------- */

static bool is_young(int64_t issued_s, int64_t now_s, int64_t lifetime_s)
{
  return now_s <= issued_s + lifetime_s && now_s >= issued_s - 60;
}

enum err handover_seal(struct seal *s, const struct lab_app *app, const char *state, const struct handover *h,
                       struct buf *out)
{
  struct buf text;
  buf_init(&text, 512);
  enum err e = buf_printf(&text, "%ld\n%s\n%s\n", (long)h->issued_s, h->segment, h->label);
  if (e) {
    buf_wipe(&text);
    return e;
  }
  return seal_text(s, "enter", app, state, &text, out);
}

static bool handover_read(const char *at, struct handover *ret)
{
  return next_number(&at, &ret->issued_s) && next_line(&at, ret->segment, sizeof ret->segment) &&
         next_line(&at, ret->label, sizeof ret->label) && !*at;
}

enum err handover_open(struct seal *s, const struct lab_app *app, const char *state, const char *text,
                       int64_t now_s, struct handover *ret)
{
  char aad[AAD_MAX];
  struct buf plain;
  struct handover read = {0};
  buf_init(&plain, 512);
  enum err e = aad_for("enter", app, state, aad);
  if (!e) e = seal_open(s, aad, text, strlen(text), &plain);
  if (e || !handover_read(buf_str(&plain), &read) || !is_young(read.issued_s, now_s, LOGON_LIFETIME_S))
    e = ERR_STATE_MISMATCH;
  buf_wipe(&plain);
  if (!e) *ret = read;
  return e;
}

/* "HOST STATE": a ticket is for one host, and one browser's logon there. */
static enum err ticket_place(const struct lab_app *app, const char *state, char out[static AAD_MAX])
{
  return text_join(out, AAD_MAX, app->external_url.host, " ", state);
}

enum err ticket_seal(struct seal *s, const struct lab_app *app, const char *state, int64_t now_s,
                     const struct session *session, struct buf *out)
{
  char place[AAD_MAX];
  struct buf text;
  buf_init(&text, 2048);
  enum err e = ticket_place(app, state, place);
  if (!e) e = buf_printf(&text, "%ld\n", (long)now_s);
  if (!e) e = session_write(session, &text);
  if (e) {
    buf_wipe(&text);
    return e;
  }
  return seal_text(s, "ticket", app, place, &text, out);
}

enum err ticket_open(struct seal *s, const struct lab_app *app, const char *state, const char *text,
                     int64_t now_s, int64_t lifetime_s, struct session *ret)
{
  char place[AAD_MAX], aad[AAD_MAX];
  struct buf plain;
  struct session read = {0};
  int64_t issued_s;
  buf_init(&plain, 4096);
  enum err e = ticket_place(app, state, place);
  if (!e) e = aad_for("ticket", app, place, aad);
  if (!e) e = seal_open(s, aad, text, strlen(text), &plain);
  const char *at = buf_str(&plain);
  if (e || !next_number(&at, &issued_s) || !session_read(at, &read) || !is_young(issued_s, now_s, lifetime_s))
    e = ERR_STATE_MISMATCH;
  if (!e && !session_is_valid(&read, now_s)) e = ERR_SESSION_EXPIRED;
  buf_wipe(&plain);
  if (!e) *ret = read;
  explicit_bzero(&read, sizeof read);
  return e;
}

/* -- cookies
 * ---------------------------------------------------------------------------------------------------------------
 */

static enum err add_cookie(struct fields *f, const char *name, const char *value, long max_age,
                           const char *same_site, bool http_only)
{
  struct buf line;
  char age[40] = "";
  buf_init(&line, 8192);
  if (max_age >= 0) snprintf(age, sizeof age, "; Max-Age=%ld", max_age);
  enum err e = buf_printf(&line, "%s=%s; Path=/; Secure%s; SameSite=%s%s", name, value,
                          http_only ? "; HttpOnly" : "", same_site, age);
  if (!e) e = fields_add(f, "Set-Cookie", buf_str(&line));
  buf_wipe(&line);
  return e;
}

enum err cookie_set(struct fields *f, const char *name, const char *value, long max_age,
                    const char *same_site)
{
  return add_cookie(f, name, value, max_age, same_site, true);
}

enum err session_cookie_set(struct fields *f, const struct lab_app *app, const char *value,
                            unsigned lifetime_s)
{
  char name[COOKIE_NAME_MAX];
  long max_age = app->persistent_cookie || lifetime_s == 0 ? (long)lifetime_s : -1;
  session_cookie_name(app, name);
  return add_cookie(f, name, value, max_age, app->cross_site ? "None" : "Lax", app->http_only_cookie);
}
