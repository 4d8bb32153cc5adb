#include "fixture.h"
#include "suites.h"

#include <string.h>

static struct lab *lab;

static void set_up(void)
{
  lab = loaded("version", "version", 0);
}

static void tear_down(void)
{
  lab_free(lab);
}

START_TEST(lab_derive_connect_is_the_url_s_place)
{
  ck_assert_str_eq(lab->apps[0].connect.host, "hello.corp.test");
  ck_assert_uint_eq(lab->apps[0].connect.port, 8446);
  ck_assert_uint_eq(lab->apps[1].connect.port, 80);
  ck_assert_str_eq(lab->idp.connect.host, "login.localhost");
  ck_assert_uint_eq(lab->idp.connect.port, 8444);
}
END_TEST

START_TEST(lab_derive_connect_is_where_it_listens)
{
  ck_assert_uint_eq(lab->cloud.tunnel_connect.port, 8445);
  ck_assert_uint_eq(lab->kdc.connect.port, 8448);
  ck_assert_uint_eq(lab->kdc.admin_connect.port, 8447);
}
END_TEST

START_TEST(lab_derive_names_follow_from_others)
{
  ck_assert_str_eq(lab->connectors[0].principal, "HTTP/connector-1.corp.sevenstep.test");
  ck_assert_str_eq(lab->apps[0].title, "hello");
  ck_assert_str_eq(lab->users[0].display_name, "alice");
}
END_TEST

START_TEST(lab_connectors_keep_two_connections_unless_told)
{
  ck_assert_uint_eq(lab->connectors[0].connections, 2);
  ck_assert_uint_eq(lab->connectors[1].connections, 2);
}
END_TEST

START_TEST(lab_derive_by_path_where_a_host_is_shared_or_paths_differ)
{
  ck_assert(!lab->published[0].by_path && !lab->published[1].by_path);
  struct lab *shared =
      loaded("https://ledger.apps.localhost:{cloud}/", "https://hello.apps.localhost:{cloud}/a/b.c/", 0);
  ck_assert_str_eq(shared->apps[1].external_url.path, "/a/b.c/");
  ck_assert(shared->published[0].by_path && shared->published[1].by_path && !shared->published[2].by_path);
  lab_free(shared);
  struct lab *inner = loaded("http://ledger.corp.test/", "http://ledger.corp.test/app/", 0);
  ck_assert(!inner->published[0].by_path && inner->published[1].by_path);
  lab_free(inner);
}
END_TEST

START_TEST(lab_app_by_name_known_and_unknown)
{
  ck_assert_ptr_eq(lab_app_by_name(lab, "ledger"), &lab->apps[1]);
  ck_assert_ptr_null(lab_app_by_name(lab, "Ledger"));
}
END_TEST

START_TEST(lab_user_by_upn_ignores_case)
{
  ck_assert_ptr_eq(lab_user_by_upn(lab, "Alice@TEST.example"), &lab->users[0]);
  ck_assert_ptr_null(lab_user_by_upn(lab, "bob"));
}
END_TEST

START_TEST(lab_user_by_name_known_and_unknown)
{
  ck_assert_ptr_eq(lab_user_by_name(lab, "bob"), &lab->users[1]);
  ck_assert_ptr_null(lab_user_by_name(lab, "BOB"));
}
END_TEST

START_TEST(lab_connector_by_name_known_and_unknown)
{
  ck_assert_ptr_eq(lab_connector_by_name(lab, "connector-2"), &lab->connectors[1]);
  ck_assert_ptr_null(lab_connector_by_name(lab, "connector-3"));
}
END_TEST

START_TEST(lab_user_assigned_directly_or_by_group)
{
  const struct lab_user *alice = &lab->users[0], *bob = &lab->users[1];
  ck_assert(lab_user_assigned(lab, &lab->apps[0], alice));
  ck_assert(!lab_user_assigned(lab, &lab->apps[0], bob));
  ck_assert(lab_user_assigned(lab, &lab->apps[1], bob));
  ck_assert(!lab_user_assigned(lab, &lab->apps[1], alice));
}
END_TEST

START_TEST(lab_user_assigned_where_none_is_required)
{
  struct lab *open = loaded("    assigned_users: [bob]", "    assignment_required: false", 0);
  ck_assert(lab_user_assigned(open, &open->apps[1], &open->users[0]));
  lab_free(open);
}
END_TEST

START_TEST(lab_free_null_is_allowed)
{
  lab_free(NULL);
}
END_TEST

Suite *lab_suite(void)
{
  Suite *s = suite_create("lab");
  TCase *t = tcase_create("lab");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, lab_derive_connect_is_the_url_s_place);
  tcase_add_test(t, lab_derive_connect_is_where_it_listens);
  tcase_add_test(t, lab_derive_names_follow_from_others);
  tcase_add_test(t, lab_connectors_keep_two_connections_unless_told);
  tcase_add_test(t, lab_app_by_name_known_and_unknown);
  tcase_add_test(t, lab_derive_by_path_where_a_host_is_shared_or_paths_differ);
  tcase_add_test(t, lab_user_by_upn_ignores_case);
  tcase_add_test(t, lab_user_by_name_known_and_unknown);
  tcase_add_test(t, lab_connector_by_name_known_and_unknown);
  tcase_add_test(t, lab_user_assigned_directly_or_by_group);
  tcase_add_test(t, lab_user_assigned_where_none_is_required);
  tcase_add_test(t, lab_free_null_is_allowed);
  suite_add_tcase(s, t);
  return s;
}
