#include "fixture.h"
#include "suites.h"

#include <string.h>

static const struct match_case {
  const char *pattern, *host;
  const char *label; /* NULL: no match */
} matches[] = {
    {"a.test", "a.test", ""},
    {"a.test", "A.TEST", ""},
    {"a.test", "a.test.", NULL},
    {"a.test", "a.tes", NULL},
    {"*.a.test", "red.a.test", "red"},
    {"*.a.test", "RED.A.Test", "red"},
    {"*.a.test", "xn--bcher-kva.a.test", "xn--bcher-kva"},
    {"*.a.test", "1.a.test", "1"},
    {"*.a.test", "a.test", NULL},
    {"*.a.test", ".a.test", NULL},
    {"*.a.test", "*.a.test", NULL},
    {"*.a.test", "b.red.a.test", NULL},
    {"*.a.test", "xa.test", NULL},
    {"*.a.test", "red.a.test.", NULL},
    {"*.a.test", "red.a.test.evil", NULL},
    {"*.a.test", "r_d.a.test", NULL},
    {"*.a.test", "-red.a.test", NULL},
    {"*.a.test", "red-.a.test", NULL},
    {"*.a.test", "r%65d.a.test", NULL},
    {"*.a.test", "r\xc3\xa9.a.test", NULL},
    {"*.a.test", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.a.test",
     "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"},
    {"*.a.test", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggh.a.test", NULL},
};

START_TEST(lab_host_matches_one_label)
{
  const struct match_case *c = &matches[_i];
  char label[LAB_LABEL_MAX + 1] = "untouched";
  bool found = lab_host_matches(c->pattern, c->host, strlen(c->host), label);
  ck_assert_msg(found == (c->label != NULL), "%s, %s", c->pattern, c->host);
  ck_assert_str_eq(label, c->label ? c->label : "untouched");
}
END_TEST

START_TEST(lab_host_matches_only_the_bytes_given)
{
  char label[LAB_LABEL_MAX + 1];
  ck_assert(lab_host_matches("*.a.test", "red.a.test/x", 10, label));
  ck_assert(!lab_host_matches("*.a.test", "red.a.test", 3, label));
  ck_assert(!lab_host_matches("a.test", "a.test", 1, label));
}
END_TEST

START_TEST(lab_spn_matches_service_and_one_label)
{
  ck_assert(lab_spn_matches("HTTP/a.test", "HTTP/a.test"));
  ck_assert(!lab_spn_matches("HTTP/a.test", "HTTP/A.test"));
  ck_assert(lab_spn_matches("HTTP/*.a.test", "HTTP/red.a.test"));
  ck_assert(!lab_spn_matches("HTTP/*.a.test", "HTTPS/red.a.test"));
  ck_assert(!lab_spn_matches("HTTP/*.a.test", "cifs/red.a.test"));
  ck_assert(!lab_spn_matches("HTTP/*.a.test", "HTTP/a.red.a.test"));
  ck_assert(!lab_spn_matches("HTTP/*.a.test", "HTTP/a.test"));
}
END_TEST

#define HELLO_URLS                                                                                           \
  "https://hello.apps.localhost:{cloud}/\n    internal_url: http://hello.corp.test:{backend}/\n"             \
  "    single_sign_on: kcd\n    spn: HTTP/hello.corp.test\n"
#define WILD_URLS                                                                                            \
  "https://*.hello.localhost:{cloud}/x/\n    internal_url: http://*.corp.test:{backend}/\n"                  \
  "    single_sign_on: kcd\n    spn: HTTP/*.corp.test\n"

START_TEST(lab_app_for_label_fills_every_star)
{
  struct lab *lab = loaded(HELLO_URLS, WILD_URLS, 0);
  struct lab_concrete c;
  const struct lab_app *app = lab_app_for_label(&lab->apps[0], "red", &c);
  ck_assert_str_eq(app->external_url.text, "https://red.hello.localhost:8443/x/");
  ck_assert_str_eq(app->external_url.host, "red.hello.localhost");
  ck_assert_str_eq(app->internal_url.text, "http://red.corp.test:8446/");
  ck_assert_str_eq(app->internal_url.host, "red.corp.test");
  ck_assert_str_eq(app->connect.host, "red.corp.test");
  ck_assert_uint_eq(app->connect.port, 8446);
  ck_assert_str_eq(app->spn, "HTTP/red.corp.test");
  ck_assert_str_eq(app->label, "red");
  lab_free(lab);
}
END_TEST

START_TEST(lab_spns_are_those_that_connectors_may_delegate_to)
{
  struct lab *lab = loaded(HELLO_URLS, WILD_URLS, 0);
  const char *spns[8];
  ck_assert_uint_eq(lab_spn_count_max(lab), 2);
  ck_assert_uint_eq(lab_spns(lab, &lab->apps[0], spns), 1);
  ck_assert_str_eq(spns[0], "HTTP/hello.corp.test");
  ck_assert_uint_eq(lab_spns(lab, &lab->apps[1], spns), 0);
  ck_assert(lab_may_delegate(&lab->connectors[0], &lab->apps[0]));
  ck_assert(!lab_may_delegate(&lab->connectors[1], &lab->apps[0]));
  lab_free(lab);
}
END_TEST

START_TEST(lab_published_holds_applications_and_segments)
{
  struct lab *lab = loaded("    flow: code\n",
                           "    flow: code\n    segments:\n      api:\n"
                           "        external_url: https://ledger.apps.localhost:{cloud}/api/\n"
                           "        internal_url: http://api.corp.test/\n",
                           0);
  const struct lab_app *api = lab_published(lab, "ledger", "api"), *own = lab_published(lab, "ledger", NULL);
  ck_assert_uint_eq(lab->n_published, 4);
  ck_assert_str_eq(api->internal_url.host, "api.corp.test");
  ck_assert_str_eq(api->connect.host, "api.corp.test");
  ck_assert_str_eq(api->callback_uri, own->callback_uri);
  ck_assert(!api->spread && api->by_path && own->by_path);
  ck_assert_ptr_eq(lab_published(lab, "ledger", ""), own);
  ck_assert_ptr_null(lab_published(lab, "ledger", "other"));
  ck_assert_ptr_null(lab_published(lab, "hello", "api"));
  lab_free(lab);
}
END_TEST

START_TEST(lab_callback_of_several_hosts_is_at_home)
{
  struct lab *lab = loaded(HELLO_URLS, WILD_URLS, 0);
  ck_assert(lab->apps[0].spread);
  ck_assert_str_eq(lab->apps[0].callback_uri, "https://myapps.apps.localhost:8443/.sevenstep/callback/hello");
  ck_assert_str_eq(lab->apps[1].callback_uri, "https://ledger.apps.localhost:8443/.sevenstep/callback");
  lab_free(lab);
}
END_TEST

Suite *lab_host_suite(void)
{
  Suite *s = suite_create("lab_host");
  TCase *t = tcase_create("lab_host");
  tcase_add_loop_test(t, lab_host_matches_one_label, 0, sizeof matches / sizeof *matches);
  tcase_add_test(t, lab_host_matches_only_the_bytes_given);
  tcase_add_test(t, lab_spn_matches_service_and_one_label);
  tcase_add_test(t, lab_app_for_label_fills_every_star);
  tcase_add_test(t, lab_spns_are_those_that_connectors_may_delegate_to);
  tcase_add_test(t, lab_published_holds_applications_and_segments);
  tcase_add_test(t, lab_callback_of_several_hosts_is_at_home);
  suite_add_tcase(s, t);
  return s;
}
