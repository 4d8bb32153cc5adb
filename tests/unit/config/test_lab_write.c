#include "fixture.h"
#include "lab_load.h"
#include "lab_slot.h"
#include "lab_write.h"
#include "suites.h"
#include "yaml_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct buf text;
static struct failure f;

static void set_up(void)
{
  buf_init(&text, 1 << 20);
  f = (struct failure){0};
}

static void tear_down(void)
{
  buf_clear(&text);
}

START_TEST(lab_write_reads_back)
{
  struct lab *lab = loaded("", "", LAB_SECRETS), *again;
  struct buf twice;
  buf_init(&twice, 1 << 20);
  ck_assert_int_eq(lab_write(lab, &text), ERR_OK);
  ck_assert_msg(lab_load_text("again", buf_str(&text), text.len, 0, LAB_SECRETS, &again, &f) == ERR_OK, "%s",
                f.why);
  ck_assert_int_eq(lab_write(again, &twice), ERR_OK);
  ck_assert_str_eq(buf_str(&text), buf_str(&twice));
  ck_assert_ptr_nonnull(strstr(buf_str(&text), "alice-password"));
  buf_clear(&twice);
  lab_free(again);
  lab_free(lab);
}
END_TEST

START_TEST(lab_write_applications_reads_back_what_connectors_need)
{
  struct lab *lab = loaded("", "", LAB_SECRETS), *told;
  ck_assert_int_eq(lab_write_applications(lab, "default", &text), ERR_OK);
  ck_assert_msg(lab_read_applications("told", buf_str(&text), text.len, &told, &f) == ERR_OK, "%s", f.why);
  ck_assert_uint_eq(told->n_apps, 3);
  const struct lab_app *hello = lab_app_by_name(told, "hello");
  ck_assert_str_eq(hello->spn, "HTTP/hello.corp.test");
  ck_assert_int_eq(hello->sso, SSO_KCD);
  ck_assert_str_eq(hello->internal_url.text, "http://hello.corp.test:8446/");
  ck_assert_uint_eq(hello->connect.port, 8446);
  ck_assert_uint_eq(lab_app_by_name(told, "ledger")->backend_timeout_s, 180);
  lab_free(told);
  lab_free(lab);
}
END_TEST

START_TEST(lab_write_applications_tells_no_secret_and_nobody_s_name)
{
  struct lab *lab = loaded("", "", LAB_SECRETS);
  ck_assert_int_eq(lab_write_applications(lab, "default", &text), ERR_OK);
  ck_assert_ptr_null(strstr(buf_str(&text), "ledger-secret"));
  ck_assert_ptr_null(strstr(buf_str(&text), "bob"));
  ck_assert_ptr_null(strstr(buf_str(&text), "staff"));
  lab_free(lab);
}
END_TEST

START_TEST(lab_write_applications_of_another_group_are_left_out)
{
  struct lab *lab = loaded("group: default", "group: other", 0), *told;
  ck_assert_int_eq(lab_write_applications(lab, "other", &text), ERR_OK);
  ck_assert_int_eq(lab_read_applications("told", buf_str(&text), text.len, &told, &f), ERR_OK);
  ck_assert_uint_eq(told->n_apps, 0);
  lab_free(told);
  lab_free(lab);
}
END_TEST

START_TEST(lab_read_applications_wrong_value_is_named)
{
  static const char wrong[] = "applications: {a: {external_url: ftp://x/}}";
  struct lab *told = NULL;
  ck_assert_int_eq(lab_read_applications("told", wrong, sizeof wrong - 1, &told, &f), ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "told:1:34: applications.a.external_url: expected a URL"));
  ck_assert_ptr_null(told);
}
END_TEST

/* The cloud tells it always: a connector knows no domain to derive it from. */
START_TEST(lab_read_applications_without_external_url_is_refused)
{
  static const char none[] = "applications: {a: {internal_url: http://x/}}";
  struct lab *told = NULL;
  ck_assert_int_eq(lab_read_applications("told", none, sizeof none - 1, &told, &f), ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "told: applications.a: \"external_url\" is missing"));
  ck_assert_ptr_null(told);
}
END_TEST

START_TEST(lab_write_applications_tells_the_external_url_that_follows)
{
  static const char line[] = "    external_url: https://hello.apps.localhost:{cloud}/\n";
  struct lab *lab = loaded(line, "", LAB_SECRETS), *told;
  ck_assert_int_eq(lab_write_applications(lab, "default", &text), ERR_OK);
  ck_assert_msg(lab_read_applications("told", buf_str(&text), text.len, &told, &f) == ERR_OK, "%s", f.why);
  ck_assert_str_eq(lab_published(told, "hello", NULL)->external_url.text, lab->apps[0].external_url.text);
  lab_free(told);
  lab_free(lab);
}
END_TEST

START_TEST(lab_can_become_rows_may_differ)
{
  struct lab *from = loaded("", "", LAB_SECRETS),
             *to = loaded("backend_timeout: long", "maintenance: true", LAB_SECRETS);
  ck_assert_msg(lab_can_become(from, to, &f) == ERR_OK, "%s", f.why);
  lab_free(to);
  lab_free(from);
}
END_TEST

START_TEST(lab_can_become_other_keys_are_fixed_and_named)
{
  struct lab *from = loaded("", "", 0), *to = loaded("token_lifetime: 600", "token_lifetime: 601", 0);
  ck_assert_int_eq(lab_can_become(from, to, &f), ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "lab.yaml: idp.token_lifetime has been edited"));
  lab_free(to);
  to = loaded("realm: CORP.TEST", "realm: OTHER.TEST", 0);
  ck_assert_int_eq(lab_can_become(from, to, &f), ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "lab.yaml: realm has been edited"));
  lab_free(to);
  lab_free(from);
}
END_TEST

/* -- changes beside the lab file ------------------------------------------------------------------------- */

static char folder[64];

static void put_file(const char *name, const char *contents)
{
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "we");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(contents, file), 0);
  ck_assert_int_eq(fclose(file), 0);
}

static enum err load(const char *changes, struct lab **ret)
{
  char path[128];
  strcpy(folder, "/tmp/sevenstep-changes-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  put_file("lab.yaml", edited((const struct edit[]){{NULL, NULL}}));
  if (changes) put_file("changes.yaml", changes);
  snprintf(path, sizeof path, "%s/lab.yaml", folder);
  enum err e = lab_load_changed(path, folder, 0, ret, &f);
  unlink(path);
  snprintf(path, sizeof path, "%s/changes.yaml", folder);
  unlink(path);
  rmdir(folder);
  return e;
}

START_TEST(lab_load_changed_without_changes_is_the_file)
{
  struct lab *lab;
  ck_assert_msg(load(NULL, &lab) == ERR_OK, "%s", f.why);
  ck_assert_uint_eq(lab->n_apps, 3);
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_changed_adds_changes_and_removes)
{
  struct lab *lab;
  enum err e = load("applications:\n"
                    "  public: null\n"
                    "  hello: {maintenance: true}\n"
                    "  wiki: {external_url: 'https://wiki.apps.localhost:{cloud}/', internal_url: "
                    "http://wiki.corp.test/}\n",
                    &lab);
  ck_assert_msg(e == ERR_OK, "%s", f.why);
  ck_assert_ptr_null(lab_app_by_name(lab, "public"));
  ck_assert(lab_app_by_name(lab, "hello")->maintenance);
  ck_assert_str_eq(lab_app_by_name(lab, "hello")->spn, "HTTP/hello.corp.test");
  ck_assert_ptr_nonnull(lab_app_by_name(lab, "wiki"));
  lab_free(lab);
}
END_TEST

START_TEST(lab_load_changed_of_rows_that_the_file_has_no_more_has_no_effect)
{
  struct lab *lab;
  enum err e = load("applications:\n"
                    "  vault: {maintenance: true}\n"
                    "  hello: {maintenance: true}\n"
                    "users:\n"
                    "  mallory: {password: another-one}\n"
                    "  trent: {password: new-here}\n"
                    "changed: {applications: [vault, hello], users: [mallory]}\n",
                    &lab);
  ck_assert_msg(e == ERR_OK, "%s", f.why);
  ck_assert_ptr_null(lab_app_by_name(lab, "vault"));
  ck_assert(lab_app_by_name(lab, "hello")->maintenance);
  ck_assert_ptr_null(lab_user_by_name(lab, "mallory"));
  ck_assert_ptr_nonnull(lab_user_by_name(lab, "trent"));
  lab_free(lab);
}
END_TEST

/* In lists of names: what only the change has in them. What the file says itself is for the check. */
START_TEST(lab_load_changed_names_of_rows_that_are_gone_have_no_effect)
{
  struct lab *lab = NULL;
  enum err e = load("applications:\n"
                    "  ledger: {assigned_users: [bob, mallory], assigned_groups: [nobodies]}\n"
                    "connectors:\n"
                    "  connector-1: {allowed_to_delegate_to: [HTTP/gone.corp.test, HTTP/hello.corp.test]}\n"
                    "changed: {applications: [ledger], connectors: [connector-1]}\n",
                    &lab);
  ck_assert_msg(e == ERR_OK, "%s", f.why);
  const struct lab_app *ledger = lab_app_by_name(lab, "ledger");
  ck_assert_uint_eq(ledger->assigned_users.n, 1);
  ck_assert_str_eq(ledger->assigned_users.v[0], "bob");
  ck_assert_uint_eq(ledger->assigned_groups.n, 0);
  const struct lab_connector *connector = lab_connector_by_name(lab, "connector-1");
  ck_assert_uint_eq(connector->allowed_to_delegate_to.n, 1);
  ck_assert_str_eq(connector->allowed_to_delegate_to.v[0], "HTTP/hello.corp.test");
  lab_free(lab);
  ck_assert_int_eq(load("users: {bob: null}\napplications: {ledger: {assigned_users: [bob]}}\n", &lab),
                   ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "there is no user \"bob\""));
}
END_TEST

START_TEST(lab_diff_marks_what_was_changed_and_not_what_was_added)
{
  struct arena a;
  struct yaml_node *base, *after;
  static const char before_text[] = "version: 1\nusers: {alice: {password: a}, bob: {password: b}}\n",
                    after_text[] = "version: 1\nusers: {alice: {password: c}, eve: {password: e}}\n";
  arena_init(&a, LAB_ARENA_MAX);
  ck_assert_int_eq(yaml_parse(&a, "base", before_text, strlen(before_text), &base, &f), ERR_OK);
  ck_assert_int_eq(yaml_parse(&a, "after", after_text, strlen(after_text), &after, &f), ERR_OK);
  const struct yaml_node *changes = lab_diff(&a, base, after), *idle;
  ck_assert_ptr_nonnull(changes);
  ck_assert_int_eq(yaml_write(changes, &text), ERR_OK);
  ck_assert_str_eq(buf_str(&text), "users:\n  alice:\n    password: c\n  eve:\n    password: e\n  bob: null\n"
                                   "changed:\n  users: [alice]\n");
  ck_assert(yaml_equal(lab_merge(&a, base, changes, &idle), after));
  ck_assert_uint_eq(idle->n, 0);
  arena_clear(&a);
}
END_TEST

START_TEST(lab_load_changed_names_the_file_that_is_wrong)
{
  struct lab *lab = NULL;
  ck_assert_int_eq(load("applications:\n  hello:\n    maintenance: perhaps\n", &lab), ERR_CONFIG);
  ck_assert_ptr_nonnull(
      strstr(f.why, "/changes.yaml:3:18: applications.hello.maintenance: expected true or false"));
  ck_assert_int_eq(load("[a]", &lab), ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "/changes.yaml:1:1: expected a mapping"));
  static const char *const wrong[] = {"changed: [hello]\n", "changed: {users: alice}\n",
                                      "changed: {users: [[alice]]}\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    ck_assert_int_eq(load(wrong[i], &lab), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(f.why, "/changes.yaml:1:10: changed: expected TABLE: [NAME, ...]"));
  }
  ck_assert_ptr_null(lab);
}
END_TEST

START_TEST(lab_slot_old_lab_lives_as_long_as_it_is_held)
{
  struct lab_slot slot;
  struct lab *first = loaded("", "", 0);
  lab_slot_init(&slot, first);
  lab_free(first);
  const struct lab *held = lab_slot_get(&slot);
  lab_slot_put(&slot, loaded("backend_timeout: long", "maintenance: true", 0));
  const struct lab *now = lab_slot_get(&slot);
  ck_assert(!lab_app_by_name(held, "ledger")->maintenance);
  ck_assert(lab_app_by_name(now, "ledger")->maintenance);
  lab_slot_clear(&slot);
  ck_assert(lab_app_by_name(now, "ledger")->maintenance);
  lab_free(held);
  lab_free(now);
}
END_TEST

Suite *lab_write_suite(void)
{
  Suite *s = suite_create("lab_write");
  TCase *t = tcase_create("lab_write");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, lab_write_reads_back);
  tcase_add_test(t, lab_write_applications_reads_back_what_connectors_need);
  tcase_add_test(t, lab_write_applications_tells_no_secret_and_nobody_s_name);
  tcase_add_test(t, lab_write_applications_of_another_group_are_left_out);
  tcase_add_test(t, lab_read_applications_wrong_value_is_named);
  tcase_add_test(t, lab_read_applications_without_external_url_is_refused);
  tcase_add_test(t, lab_write_applications_tells_the_external_url_that_follows);
  tcase_add_test(t, lab_can_become_rows_may_differ);
  tcase_add_test(t, lab_can_become_other_keys_are_fixed_and_named);
  tcase_add_test(t, lab_load_changed_without_changes_is_the_file);
  tcase_add_test(t, lab_load_changed_adds_changes_and_removes);
  tcase_add_test(t, lab_load_changed_of_rows_that_the_file_has_no_more_has_no_effect);
  tcase_add_test(t, lab_load_changed_names_of_rows_that_are_gone_have_no_effect);
  tcase_add_test(t, lab_diff_marks_what_was_changed_and_not_what_was_added);
  tcase_add_test(t, lab_load_changed_names_the_file_that_is_wrong);
  tcase_add_test(t, lab_slot_old_lab_lives_as_long_as_it_is_held);
  suite_add_tcase(s, t);
  return s;
}
