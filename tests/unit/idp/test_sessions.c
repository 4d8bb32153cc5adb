#include "sessions.h"

#include "browser.h"
#include "clock.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

static struct fields request, response;
static struct session s;

static void setup(void)
{
  provider_setup();
  fields_init(&request, 8, 4096);
  fields_init(&response, 8, 4096);
}

static void teardown(void)
{
  fields_clear(&request);
  fields_clear(&response);
  provider_teardown();
}

static void begin_as(const char *user)
{
  char cookie[256];
  fields_reset(&response);
  ck_assert_int_eq(
      session_begin(&provider, &request, lab_user_by_name(provider_lab(), user), "-", &response, &s), ERR_OK);
  const char *set = fields_get(&response, "Set-Cookie");
  snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(set, ";"), set);
  ck_assert_int_eq(fields_set(&request, "Cookie", cookie), ERR_OK);
}

START_TEST(session_get_after_begin_gives_user)
{
  begin_as("alice");
  s = (struct session){0};
  ck_assert_int_eq(session_get(&provider, &request, &s), ERR_OK);
  ck_assert_str_eq(s.user->name, "alice");
  ck_assert_int_le(clock_wall_s() - s.auth_time_s, 2);
}
END_TEST

/* CK-01, CK-02 */
START_TEST(session_begin_cookie_has_all_attributes)
{
  begin_as("alice");
  const char *set = fields_get(&response, "Set-Cookie");
  ck_assert_int_eq(strncmp(set, "__Host-sevenstep-idp=", 21), 0);
  ck_assert_str_eq(strchr(set, ';'), "; Path=/; Secure; HttpOnly; SameSite=Lax");
}
END_TEST

START_TEST(session_get_without_or_with_foreign_cookie_not_found)
{
  ck_assert_int_eq(session_get(&provider, &request, &s), ERR_NOT_FOUND);
  static const char *const bad[] = {"__Host-sevenstep-idp=", "__Host-sevenstep-idp=short",
                                    "__Host-sevenstep-idp=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                    "sevenstep-idp=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(fields_set(&request, "Cookie", bad[i]), ERR_OK);
    ck_assert_int_eq(session_get(&provider, &request, &s), ERR_NOT_FOUND);
  }
}
END_TEST

/* CK-06 */
START_TEST(session_get_cookie_twice_not_found)
{
  char twice[512];
  begin_as("alice");
  const char *one = fields_get(&request, "Cookie");
  snprintf(twice, sizeof twice, "%s; %s", one, one);
  ck_assert_int_eq(fields_set(&request, "Cookie", twice), ERR_OK);
  ck_assert_int_eq(session_get(&provider, &request, &s), ERR_NOT_FOUND);
}
END_TEST

START_TEST(session_get_after_its_time_not_found)
{
  begin_as("alice");
  clock_shift_wall(IDP_SESSION_S + 1);
  ck_assert_int_eq(session_get(&provider, &request, &s), ERR_NOT_FOUND);
}
END_TEST

/* CK-03 */
START_TEST(session_begin_again_new_id_and_old_one_dead)
{
  char old[256];
  begin_as("alice");
  snprintf(old, sizeof old, "%s", fields_get(&request, "Cookie"));
  begin_as("bob");
  ck_assert_str_ne(old, fields_get(&request, "Cookie"));
  ck_assert_int_eq(session_get(&provider, &request, &s), ERR_OK);
  ck_assert_str_eq(s.user->name, "bob");
  ck_assert_int_eq(fields_set(&request, "Cookie", old), ERR_OK);
  ck_assert_int_eq(session_get(&provider, &request, &s), ERR_NOT_FOUND);
}
END_TEST

START_TEST(session_end_kills_it_on_the_server)
{
  begin_as("alice");
  fields_reset(&response);
  ck_assert_int_eq(session_end(&provider, &request, &response), ERR_OK);
  ck_assert_ptr_nonnull(strstr(fields_get(&response, "Set-Cookie"), "Max-Age=0"));
  ck_assert_int_eq(session_get(&provider, &request, &s), ERR_NOT_FOUND);
}
END_TEST

Suite *sessions_suite(void)
{
  Suite *suite = suite_create("sessions");
  TCase *t = tcase_create("sessions");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, session_get_after_begin_gives_user);
  tcase_add_test(t, session_begin_cookie_has_all_attributes);
  tcase_add_test(t, session_get_without_or_with_foreign_cookie_not_found);
  tcase_add_test(t, session_get_cookie_twice_not_found);
  tcase_add_test(t, session_get_after_its_time_not_found);
  tcase_add_test(t, session_begin_again_new_id_and_old_one_dead);
  tcase_add_test(t, session_end_kills_it_on_the_server);
  suite_add_tcase(suite, t);
  return suite;
}
