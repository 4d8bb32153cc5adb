/* The certificates of connectors over the time of their lives: registration, renewal, expiry, revocation,
 * with the cloud's real registry and roster. Ten years pass in a second. */
#include "front.h"

#include "clock.h"
#include "registry.h"
#include "roster.h"
#include "token.h"
#include "token_issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY 86400

static char token[TOKEN_LEN + 1];

static const char *get_token(const char *name)
{
  struct failure f;
  ck_assert_int_eq(roster_token(cloud->roster, name, NULL, token, &f), ERR_OK);
  return token;
}

/* Time goes on: on the wall, and in the loop as far as the registry counts it. */
static void pass_days(int days)
{
  clock_shift_wall((int64_t)days * DAY);
  pass(61);
}

START_TEST(connection_without_a_certificate_registers_and_ends)
{
  inside_register(&one, "connector-1", get_token("connector-1"), NULL);
  ck_assert_str_eq(one.refused, "");
  ck_assert_uint_gt(one.certificate.len, 0);
  ck_assert_uint_eq(cloud->counters.ready_connections, 0);
  inside_keep(&one);
  inside_dial(&one, "connector-1");
}
END_TEST

START_TEST(connection_without_a_certificate_and_with_a_bad_token_is_told_why)
{
  inside_register(&one, "connector-1", "abcdefghijabcdefghijabcdefghijabcdefghijabc", NULL);
  ck_assert_str_eq(one.refused, "registration_token_unknown");
  inside_register(&one, "connector-2", get_token("connector-1"), NULL);
  ck_assert_str_eq(one.refused, "registration_token_foreign");
  inside_register(&one, "connector-1", token, "another exchange");
  ck_assert_str_eq(one.refused, "registration_possession");
  inside_register(&one, "connector-1", token, NULL);
  ck_assert_str_eq(one.refused, "");
  inside_register(&one, "connector-1", token, NULL);
  ck_assert_str_eq(one.refused, "registration_token_used");
  ck_assert_uint_eq(one.certificate.len, 0);
}
END_TEST

START_TEST(connection_without_a_certificate_and_a_token_is_refused)
{
  inside_dial_refused(&one, NULL, "connector-1", "default");
  ck_assert_str_eq(one.refused, "tunnel_refused");
}
END_TEST

static const char *const words[] = {CONTROL_HELLO, CONTROL_CERTIFICATE, CONTROL_WELCOME, CONTROL_RENEW,
                                    CONTROL_PURGE};
#define N_WORDS (int)(sizeof words / sizeof *words)

/* Each word of the cloud, with a yes and with a no: the connection ends, and the cloud serves others. */
START_TEST(conversation_half_answered_ends)
{
  const char *word = words[_i % N_WORDS];
  one.breaks_with = _i < N_WORDS ? 200 : 404;
  if (word == words[3] || word == words[4]) inside_dial(&one, "connector-1");
  one.breaks_at = word;
  if (word == words[1])
    inside_register(&one, "connector-1", get_token("connector-1"), NULL);
  else if (word == words[3])
    pass_days(200);
  else if (word == words[4])
    ck_assert_uint_eq(registry_purge(cloud->registry, "alice@sevenstep.test"), 1);
  else
    inside_begin(&one, "connector-1");
  run_until(!one.link);
  inside_dial(&two, "connector-2");
  run_until(cloud->counters.ready_connections == 1);
  user_gets();
  ck_assert_int_eq(two.requests, 1);
}
END_TEST

START_TEST(connection_with_a_replaced_certificate_is_told_why)
{
  inside_dial(&one, "connector-1");
  inside_register(&two, "connector-1", get_token("connector-1"), NULL);
  pass(1);
  run_until(!one.link);
  ck_assert_str_eq(one.refused, "connector_revoked");
}
END_TEST

START_TEST(connection_with_an_expired_certificate_is_told_why)
{
  clock_shift_wall((int64_t)cloud->lab->cloud.certificate_lifetime_s);
  inside_dial_refused(&one, "connector-1", "connector-1", "default");
  ck_assert_str_eq(one.refused, "connector_expired");
}
END_TEST

START_TEST(revocation_ends_connections_at_once_and_others_go_on)
{
  struct failure f;
  inside_dial(&one, "connector-1");
  inside_dial(&two, "connector-2");
  inside_dial(&three, "connector-1");
  ck_assert_int_eq(roster_revoke(cloud->roster, "connector-1", &f), ERR_OK);
  registry_wake(cloud->registry);
  run_until(!one.link && !three.link);
  ck_assert_str_eq(one.refused, "connector_revoked");
  ck_assert_uint_eq(cloud->counters.ready_connections, 1);
  ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  user_gets();
  ck_assert_int_eq(two.requests, 1);
}
END_TEST

START_TEST(renewal_is_asked_for_once_when_the_certificate_is_old)
{
  inside_dial(&one, "connector-1");
  inside_dial(&three, "connector-1");
  pass_days(179);
  ck_assert_int_eq(one.renewals + three.renewals, 0);
  pass_days(1);
  ck_assert_int_eq(one.renewals + three.renewals, 1);
  pass(1);
  ck_assert_int_eq(one.renewals + three.renewals, 1);
}
END_TEST

START_TEST(renewal_for_another_exchange_is_refused_and_the_connection_goes_on)
{
  inside_dial(&one, "connector-1");
  one.challenge = "another exchange";
  pass_days(180);
  ck_assert_int_eq(one.renewals, 1);
  ck_assert_uint_eq(one.certificate.len, 0);
  one.challenge = NULL;
  pass_days(0);
  run_until(one.certificate.len > 0);
  ck_assert_int_eq(one.renewals, 2);
}
END_TEST

/* A request that is with the old connection is finished there, while others go to the new one. */
START_TEST(renewal_loses_no_request)
{
  inside_dial(&one, "connector-1");
  struct user *u = user_gets(), *v;
  pass_days(180);
  run_until(one.certificate.len > 0);
  inside_keep(&one);
  inside_dial(&two, "connector-1");
  ck_assert_int_eq(tunnel_shutdown(link_tunnel(one.link)), ERR_OK);
  link_flush(one.link);
  run_until(cloud->counters.ready_connections == 1);
  v = user_gets();
  ck_assert_int_eq(two.requests, 1);
  inside_answer(&two, 200, NULL, NULL, true);
  inside_answer(&one, 200, NULL, NULL, true);
  run_until(user_got(u, "200 OK") && user_got(v, "200 OK"));
  ck_assert_int_eq(one.lost + two.lost, 0);
}
END_TEST

/* Ten years, a day at a time: renewed when it is due, reconnected each month, never expired. */
START_TEST(ten_years_with_renewals_and_reconnects)
{
  int renewals = 0;
  inside_dial(&one, "connector-1");
  for (int day = 1; day <= 3650; day++) {
    clock_shift_wall(DAY);
    pass_at_once();
    ck_assert_ptr_nonnull(one.link);
    bool renewed = one.renewals > 0;
    if (renewed) {
      run_until(one.certificate.len > 0);
      inside_keep(&one);
      renewals++;
      one.renewals = 0;
    }
    if (!renewed && day % 30) continue;
    link_close(one.link, NULL);
    run_until(!one.link && cloud->counters.ready_connections == 0);
    inside_dial(&one, "connector-1");
  }
  ck_assert_int_eq(renewals, 3650 / 180);
}
END_TEST

/* -- a day of a scenario: certificates, the provider's keys, and reconnects ------------------------------ */

#define MINUTE 60
#define HOUR   3600

static struct token_keys *provider;
static struct jwks *known; /* the provider's keys as the cloud has read them last */
static int fetched;

static void open_provider(char folder[static 32])
{
  struct failure f;
  strcpy(folder, "/tmp/sevenstep-day-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  ck_assert_int_eq(token_keys_open(folder, HOUR + 5 * MINUTE, &provider, &f), ERR_OK);
  known = NULL;
  fetched = 0;
}

static void close_provider(const char *folder)
{
  char command[64];
  token_keys_free(provider);
  jwks_free(known);
  snprintf(command, sizeof command, "rm -r %s", folder);
  ck_assert_int_eq(system(command), 0);
}

static void fetch_keys(void)
{
  struct buf json;
  struct failure f;
  buf_init(&json, 65536);
  ck_assert_int_eq(token_keys_jwks(provider, &json), ERR_OK);
  jwks_free(known);
  ck_assert_int_eq(jwks_parse(buf_str(&json), json.len, &known, &f), ERR_OK);
  buf_clear(&json);
  fetched++;
}

static void issue(struct buf *out)
{
  struct failure f;
  int64_t now = clock_wall_s();
  const struct token_issue t = {.issuer = "https://login.localhost",
                                .subject = "s",
                                .client_id = "hello",
                                .issued_s = now,
                                .expires_s = now + HOUR};
  buf_reset(out);
  ck_assert_int_eq(token_issue_id(provider, &t, out, &f), ERR_OK);
}

/* As step 3 does it: the keys are fetched again, once, when the token names one that is not known. */
static void accept_token(const struct buf *jwt)
{
  struct failure f = {0};
  struct token_claims claims;
  const struct token_expect expect = {
      .issuer = "https://login.localhost", .audience = "hello", .now_s = clock_wall_s()};
  if (!known) fetch_keys();
  enum err e = token_verify(known, buf_str(jwt), jwt->len, &expect, &claims, &f);
  if (e == ERR_TOKEN_UNKNOWN_KEY) {
    fetch_keys();
    e = token_verify(known, buf_str(jwt), jwt->len, &expect, &claims, &f);
  }
  ck_assert_msg(e == ERR_OK, "%s", f.why);
}

static void reconnect(void)
{
  link_close(one.link, NULL);
  run_until(!one.link && cloud->counters.ready_connections == 0);
  inside_dial(&one, "connector-1");
}

/* Twenty-four hours in steps of ten minutes. Certificates live for three hours and are renewed after two, the
 * provider's key is rotated every four, the connector loses its connection every hour; a token of now and one
 * of fifty minutes ago are good at every step. */
START_TEST(a_day_with_renewals_key_rotations_and_reconnects)
{
  enum { STEP = 10 * MINUTE, STEPS = 24 * HOUR / STEP };
  struct buf old[6];
  char folder[32];
  struct failure f;
  int renewals = 0;
  open_provider(folder);
  front_certificates(3 * HOUR, 2 * HOUR);
  inside_enrol("connector-1");
  inside_dial(&one, "connector-1");
  for (int i = 0; i < 6; i++)
    buf_init(&old[i], TOKEN_MAX);
  for (int step = 0; step < STEPS; step++) {
    clock_shift_wall(STEP);
    if (step % 24 == 23) ck_assert_int_eq(token_keys_rotate(provider, 5 * MINUTE, NULL, &f), ERR_OK);
    if (step >= 5) accept_token(&old[(step + 1) % 6]);
    issue(&old[step % 6]);
    accept_token(&old[step % 6]);
    pass_at_once();
    if (one.renewals) {
      run_until(one.certificate.len > 0);
      inside_keep(&one);
      one.renewals = 0;
      renewals++;
      reconnect();
    } else if (step % 6 == 5) {
      reconnect();
    }
    ck_assert_uint_eq(cloud->counters.ready_connectors, 1);
  }
  ck_assert_int_ge(renewals, 11);
  ck_assert_int_ge(fetched, 6);
  for (int i = 0; i < 6; i++)
    buf_wipe(&old[i]);
  close_provider(folder);
}
END_TEST

START_TEST(a_year_away_is_too_long)
{
  inside_dial(&one, "connector-1");
  link_close(one.link, NULL);
  run_until(!one.link && cloud->counters.ready_connections == 0);
  clock_shift_wall((int64_t)365 * DAY);
  inside_dial_refused(&one, "connector-1", "connector-1", "default");
  ck_assert_str_eq(one.refused, "connector_expired");
  inside_register(&one, "connector-1", get_token("connector-1"), NULL);
  inside_keep(&one);
  inside_dial(&one, "connector-1");
}
END_TEST

START_TEST(a_certificate_that_ends_while_connected_ends_the_connection)
{
  inside_dial(&one, "connector-1");
  one.challenge = "never the right one";
  pass_days(364);
  ck_assert_ptr_nonnull(one.link);
  pass_days(1);
  run_until(!one.link);
  ck_assert_str_eq(one.refused, "connector_expired");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("certificates");
  TCase *c = front_tests(suite, "certificates");
  tcase_add_test(c, connection_without_a_certificate_registers_and_ends);
  tcase_add_test(c, connection_without_a_certificate_and_with_a_bad_token_is_told_why);
  tcase_add_test(c, connection_without_a_certificate_and_a_token_is_refused);
  tcase_add_loop_test(c, conversation_half_answered_ends, 0, 2 * N_WORDS);
  tcase_add_test(c, connection_with_a_replaced_certificate_is_told_why);
  tcase_add_test(c, connection_with_an_expired_certificate_is_told_why);
  tcase_add_test(c, revocation_ends_connections_at_once_and_others_go_on);
  tcase_add_test(c, renewal_is_asked_for_once_when_the_certificate_is_old);
  tcase_add_test(c, renewal_for_another_exchange_is_refused_and_the_connection_goes_on);
  tcase_add_test(c, renewal_loses_no_request);
  tcase_add_test(c, ten_years_with_renewals_and_reconnects);
  tcase_add_test(c, a_day_with_renewals_key_rotations_and_reconnects);
  tcase_add_test(c, a_year_away_is_too_long);
  tcase_add_test(c, a_certificate_that_ends_while_connected_ends_the_connection);
  return run(suite);
}
