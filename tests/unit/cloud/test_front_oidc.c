/* The cloud as a relying party, with an identity provider that says what the test wants: which metadata it
 * believes, and what it makes of answers in the code flow. */
#include "../token/mint.h"
#include "clock.h"
#include "front_private.h"
#include "oidc.h"
#include "provider.h"
#include "session.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER    "ledger.apps.localhost" /* of lab.yaml, by the code flow */
#define TO_LEDGER "Host: " LEDGER "\r\n"

static void replace(char *text, const char *what, const char *with)
{
  char *at = strstr(text, what), rest[sizeof provider.metadata];
  ck_assert_ptr_nonnull(at);
  snprintf(rest, sizeof rest, "%s", at + strlen(what));
  snprintf(at, sizeof provider.metadata - (size_t)(at - text), "%s%s", with, rest);
}

/* -- metadata -------------------------------------------------------------------------------------------- */

/* They were read, as the cloud asks again, and nothing was taken from them; right ones are. */
static void metadata_are_refused(void)
{
  provider_listen();
  run_until(provider.metadata_asked >= 2);
  ck_assert(!atomic_load(&cloud->counters.keys_loaded));
  ck_assert_ptr_null(oidc_authorization_endpoint(cloud->oidc));
  ck_assert_uint_eq(provider.keys_asked, 0);
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" TO_HELLO "\r\n");
  run_until(user_got(u, "</html>"));
  ck_assert(user_got(u, "HTTP/1.1 502 ") && user_got(u, "idp_unreachable"));
  provider_prepare();
  run_until(atomic_load(&cloud->counters.keys_loaded));
  provider_close();
}

/* RFC 8414 3.3 */
START_TEST(metadata_of_a_foreign_issuer_are_refused)
{
  provider_prepare();
  replace(provider.metadata, "\"issuer\":\"https://login.", "\"issuer\":\"https://evil.");
  metadata_are_refused();
}
END_TEST

START_TEST(metadata_without_an_issuer_are_refused)
{
  provider_prepare();
  replace(provider.metadata, "\"issuer\":", "\"Issuer\":");
  metadata_are_refused();
}
END_TEST

static const char *const endpoints[] = {"authorization_endpoint", "token_endpoint", "jwks_uri"};
enum { N_ENDPOINTS = sizeof endpoints / sizeof *endpoints };

START_TEST(metadata_with_an_http_endpoint_are_refused)
{
  char good[64], bad[64];
  snprintf(good, sizeof good, "\"%s\":\"https:", endpoints[_i]);
  snprintf(bad, sizeof bad, "\"%s\":\"http:", endpoints[_i]);
  provider_prepare();
  replace(provider.metadata, good, bad);
  metadata_are_refused();
}
END_TEST

START_TEST(metadata_without_an_endpoint_are_refused)
{
  char good[64];
  snprintf(good, sizeof good, "\"%s\":", endpoints[_i]);
  provider_prepare();
  replace(provider.metadata, good, "\"other\":");
  metadata_are_refused();
}
END_TEST

/* -- the code flow --------------------------------------------------------------------------------------- */

/* A logon under way, as a browser has it. */
struct begun {
  char state[128], nonce[64], name[64], value[4096]; /* name and value: its cookie's */
};

/* What is between two texts in the user's answer. */
static void cut(const struct user *u, const char *from, const char *until, char *out, size_t size)
{
  const char *at = strstr(buf_str(&u->got), from);
  ck_assert_ptr_nonnull(at);
  at += strlen(from);
  size_t n = strcspn(at, until);
  ck_assert_uint_lt(n, size);
  memcpy(out, at, n);
  out[n] = 0;
}

static struct begun begin(void)
{
  struct begun b;
  struct user *u = user_connect(NULL);
  user_send(u, "GET / HTTP/1.1\r\n" TO_LEDGER "\r\n");
  run_until(user_got(u, "\r\n\r\n"));
  ck_assert(user_got(u, "HTTP/1.1 302 "));
  cut(u, "&state=", "&\r", b.state, sizeof b.state);
  cut(u, "&nonce=", "&\r", b.nonce, sizeof b.nonce);
  cut(u, "Set-Cookie: " COOKIE_LOGON, "=", b.name, sizeof b.name);
  cut(u, b.name, ";", b.value, sizeof b.value);
  ck_assert_int_eq(b.value[0], '=');
  return b;
}

/* The browser brings a code, with the cookie of a logon, of whatever value. */
static struct user *bring(const struct begun *b, const char *value, const char *more)
{
  char text[8192];
  struct user *u = user_connect(NULL);
  snprintf(text, sizeof text,
           "GET /.sevenstep/callback?code=c&state=%s%s HTTP/1.1\r\n" TO_LEDGER "Cookie: " COOKIE_LOGON
           "%s%s\r\n\r\n",
           b->state, more, b->name, value);
  user_send(u, text);
  run_until(user_got(u, "\r\n\r\n"));
  return u;
}

static void give_token(const char *nonce)
{
  char iss[256], iat[32], exp[32], quoted[80];
  snprintf(iss, sizeof iss, "\"%s\"", front_lab_file->idp.issuer.text);
  snprintf(iat, sizeof iat, "%ld", (long)clock_wall_s());
  snprintf(exp, sizeof exp, "%ld", (long)clock_wall_s() + 300);
  snprintf(quoted, sizeof quoted, "\"%s\"", nonce);
  char *token = mint_token("iss", iss, "aud", "\"ledger\"", "spn", "\"HTTP/ledger.corp.sevenstep.test\"",
                           "iat", iat, "exp", exp, "nonce", quoted, NULL);
  int n = snprintf(provider.token, sizeof provider.token,
                   "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"id_token\":\"%s\"}", token);
  ck_assert_int_lt(n, (int)sizeof provider.token);
  free(token);
}

static void assert_refused(const struct user *u, const char *error)
{
  ck_assert_msg(user_got(u, error) && !user_got(u, "Set-Cookie: " COOKIE_SESSION "="), "%s",
                buf_str(&u->got));
}

START_TEST(code_that_gets_the_right_token_is_a_session)
{
  provider_open();
  struct begun b = begin();
  give_token(b.nonce);
  struct user *u = bring(&b, b.value, "");
  ck_assert_msg(user_got(u, "HTTP/1.1 303 ") && user_got(u, "Set-Cookie: " COOKIE_SESSION "="), "%s",
                buf_str(&u->got));
  ck_assert_uint_eq(provider.token_asked, 1);
  provider_close();
}
END_TEST

/* RP-06 */
START_TEST(token_response_without_an_id_token_is_refused)
{
  static const char *const texts[] = {"{\"access_token\":\"a\",\"token_type\":\"Bearer\"}",
                                      "{\"id_token\":7}", "[]", "no JSON", ""};
  provider_open();
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct begun b = begin();
    strcpy(provider.token, texts[i]);
    assert_refused(bring(&b, b.value, ""), "code_exchange_failed");
    ck_assert_uint_eq(provider.token_asked, i + 1);
  }
  provider_close();
}
END_TEST

START_TEST(token_of_another_nonce_is_refused)
{
  provider_open();
  struct begun b = begin(), other = begin();
  give_token(other.nonce);
  assert_refused(bring(&b, b.value, ""), "token_nonce");
  ck_assert_uint_eq(provider.token_asked, 1);
  provider_close();
}
END_TEST

START_TEST(state_of_another_logon_is_refused_before_the_code_is_used)
{
  provider_open();
  struct begun b = begin(), other = begin(), mixed = b;
  give_token(b.nonce);
  strcpy(mixed.state, other.state); /* of which this browser has no cookie */
  assert_refused(bring(&mixed, b.value, ""), "state_mismatch");
  assert_refused(bring(&other, b.value, ""), "state_mismatch"); /* and one of another value */
  ck_assert_uint_eq(provider.token_asked, 0);
  provider_close();
}
END_TEST

/* RP-08 (RFC 9207 2.4) */
START_TEST(answer_without_the_iss_that_is_promised_is_refused_before_the_code_is_used)
{
  char iss[256];
  provider_prepare();
  replace(provider.metadata, "}", ",\"authorization_response_iss_parameter_supported\":true}");
  provider_listen();
  run_until(atomic_load(&cloud->counters.keys_loaded));
  struct begun b = begin();
  give_token(b.nonce);
  assert_refused(bring(&b, b.value, ""), "token_issuer");
  ck_assert_uint_eq(provider.token_asked, 0);
  snprintf(iss, sizeof iss, "&iss=%s", front_lab_file->idp.issuer.text);
  ck_assert(user_got(bring(&b, b.value, iss), "HTTP/1.1 303 "));
  provider_close();
}
END_TEST

/* -- codes that wait ------------------------------------------------------------------------------------- */

static unsigned refused, told;

static void code_exchanged(void *arg, const char *id_token, const struct failure *f)
{
  (void)arg;
  ck_assert_ptr_null(id_token);
  told++;
  refused += f->err == ERR_CODES_WAITING;
}

static enum err exchange_one(void)
{
  const struct lab_app *app = lab_app_by_name(cloud->lab, "ledger");
  const struct trace_ctx none = {0};
  return oidc_exchange(cloud->oidc, app, "c", "v", app->callback_uri, &none, code_exchanged, NULL);
}

/* With an identity provider that lets everybody wait. */
static void fill(void)
{
  refused = told = 0;
  provider.holds = true;
  for (unsigned i = 0; i < OIDC_CODES_AT_ONCE + OIDC_CODES_WAITING; i++)
    ck_assert_int_eq(exchange_one(), ERR_OK);
  run_until(provider.token_asked == OIDC_CODES_AT_ONCE);
}

START_TEST(codes_that_wait_hold_up_no_logout)
{
  provider_open();
  fill();
  user_signs_in(100);
  user_signs_out();
  ck_assert_uint_eq(told, 0); /* it has not waited until one of them was given up */
  provider_answers();
  run_until(told == OIDC_CODES_AT_ONCE + OIDC_CODES_WAITING);
  ck_assert_uint_eq(provider.token_asked, told);
  ck_assert_uint_eq(refused, 0);
  provider_close();
}
END_TEST

START_TEST(code_for_which_there_is_no_room_is_refused)
{
  provider_open();
  struct begun b = begin();
  fill();
  struct user *u = bring(&b, b.value, "");
  ck_assert_msg(user_got(u, "HTTP/1.1 503 ") && user_got(u, "Sevenstep-Error: too_many_codes\r\n") &&
                    user_got(u, "Retry-After: "),
                "%s", buf_str(&u->got));
  provider_answers();
  run_until(told == OIDC_CODES_AT_ONCE + OIDC_CODES_WAITING);
  give_token(b.nonce);
  ck_assert(user_got(bring(&b, b.value, ""), "HTTP/1.1 303 "));
  provider_close();
}
END_TEST

START_TEST(code_whose_turn_does_not_come_is_refused)
{
  provider_open();
  fill();
  pass(6);
  ck_assert_uint_eq(refused, OIDC_CODES_WAITING);
  ck_assert_uint_eq(told, OIDC_CODES_WAITING);
  provider_answers();
  run_until(told == OIDC_CODES_AT_ONCE + OIDC_CODES_WAITING);
  ck_assert_uint_eq(provider.token_asked, OIDC_CODES_AT_ONCE);
  provider_close();
}
END_TEST

START_TEST(codes_that_wait_end_with_the_cloud)
{
  provider_open();
  fill();
  oidc_stop(cloud->oidc);
  ck_assert_uint_eq(told, OIDC_CODES_WAITING);
  ck_assert_int_eq(exchange_one(), ERR_CLOSED);
  provider_answers();
  run_until(told == OIDC_CODES_AT_ONCE + OIDC_CODES_WAITING);
  provider_close();
}
END_TEST

Suite *front_oidc_suite(void)
{
  Suite *s = suite_create("front_oidc");
  TCase *c = front_tests(s, "front_oidc");
  tcase_add_test(c, metadata_of_a_foreign_issuer_are_refused);
  tcase_add_test(c, metadata_without_an_issuer_are_refused);
  tcase_add_loop_test(c, metadata_with_an_http_endpoint_are_refused, 0, N_ENDPOINTS);
  tcase_add_loop_test(c, metadata_without_an_endpoint_are_refused, 0, N_ENDPOINTS);
  tcase_add_test(c, code_that_gets_the_right_token_is_a_session);
  tcase_add_test(c, token_response_without_an_id_token_is_refused);
  tcase_add_test(c, token_of_another_nonce_is_refused);
  tcase_add_test(c, state_of_another_logon_is_refused_before_the_code_is_used);
  tcase_add_test(c, answer_without_the_iss_that_is_promised_is_refused_before_the_code_is_used);
  tcase_add_test(c, codes_that_wait_hold_up_no_logout);
  tcase_add_test(c, code_for_which_there_is_no_room_is_refused);
  tcase_add_test(c, code_whose_turn_does_not_come_is_refused);
  tcase_add_test(c, codes_that_wait_end_with_the_cloud);
  return s;
}
