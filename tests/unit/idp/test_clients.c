#include "clients.h"

#include "browser.h"
#include "suites.h"

#include <stdio.h>
#include <string.h>

static struct client found(const char *id)
{
  struct client c;
  ck_assert(client_find(provider_lab(), id, &c));
  return c;
}

START_TEST(client_find_application_has_its_callback)
{
  char uri[256];
  struct client c = found("hello");
  ck_assert_ptr_nonnull(c.app);
  ck_assert_ptr_null(c.secret);
  snprintf(uri, sizeof uri, "%s.sevenstep/callback", c.app->external_url.text);
  ck_assert(client_redirect_uri(&c, uri));
  ck_assert_str_eq(found("ledger").secret, "ledger-secret-of-the-lab");
}
END_TEST

START_TEST(client_find_further_client_has_its_uris)
{
  struct client c = found("sevenstep-cli");
  ck_assert_ptr_null(c.app);
  ck_assert(client_redirect_uri(&c, "https://client.localhost/callback"));
}
END_TEST

START_TEST(client_find_unknown_or_passed_through_false)
{
  struct client c;
  ck_assert(!client_find(provider_lab(), "nobody", &c));
  ck_assert(!client_find(provider_lab(), "", &c));
  ck_assert(!client_find(provider_lab(), "HELLO", &c));
  ck_assert(!client_find(provider_lab(), "public", &c));
}
END_TEST

/* OP-11 */
START_TEST(client_redirect_uri_any_difference_false)
{
  static const char *const bad[] = {
      "",
      "https://client.localhost/callback/",
      "https://client.localhost/callbac",
      "https://client.localhost/callback?x=1",
      "https://client.localhost/callback#",
      "https://client.localhost/Callback",
      "HTTPS://client.localhost/callback",
      "https://CLIENT.localhost/callback",
      "https://client.localhost:443/callback",
      "https://client.localhost/./callback",
      "https://client.localhost/a/../callback",
      "https://user@client.localhost/callback",
      "https://client.localhost.evil.example/callback",
      "http://client.localhost/callback",
      " https://client.localhost/callback",
  };
  struct client c = found("sevenstep-cli"), hello = found("hello");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(!client_redirect_uri(&c, bad[i]), "%s", bad[i]);
  ck_assert(!client_redirect_uri(&hello, hello.app->external_url.text));
  ck_assert(!client_redirect_uri(&hello, "https://client.localhost/callback"));
}
END_TEST

START_TEST(client_assigned_follows_the_lab)
{
  const struct lab *lab = provider_lab();
  struct client hello = found("hello"), cli = found("sevenstep-cli");
  ck_assert(client_assigned(lab, &hello, lab_user_by_name(lab, "alice")));
  ck_assert(!client_assigned(lab, &hello, lab_user_by_name(lab, "frank")));
  ck_assert(client_assigned(lab, &cli, lab_user_by_name(lab, "frank")));
}
END_TEST

START_TEST(client_post_logout_uri_is_the_external_url_alone)
{
  struct client hello = found("hello"), cli = found("sevenstep-cli");
  ck_assert(client_post_logout_uri(&hello, hello.app->external_url.text));
  ck_assert(!client_post_logout_uri(&hello, "https://hello.apps.localhost/"));
  ck_assert(!client_post_logout_uri(&cli, "https://client.localhost/callback"));
}
END_TEST

Suite *clients_suite(void)
{
  Suite *s = suite_create("clients");
  TCase *t = tcase_create("clients");
  tcase_add_test(t, client_find_application_has_its_callback);
  tcase_add_test(t, client_find_further_client_has_its_uris);
  tcase_add_test(t, client_find_unknown_or_passed_through_false);
  tcase_add_test(t, client_redirect_uri_any_difference_false);
  tcase_add_test(t, client_assigned_follows_the_lab);
  tcase_add_test(t, client_post_logout_uri_is_the_external_url_alone);
  suite_add_tcase(s, t);
  return s;
}
