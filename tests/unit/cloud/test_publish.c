/* Which application a target belongs to, however it is spelt, and what it is called inside. */
#include "publish.h"

#include <check.h>
#include <string.h>

static struct lab_app apps[] = {
    {.name = "root",
     .external_url = {.text = "https://a.test/", .host = "a.test", .path = "/"},
     .internal_url = {.path = "/"},
     .by_path = true},
    {.name = "admin",
     .external_url = {.text = "https://a.test/admin/", .host = "a.test", .path = "/admin/"},
     .internal_url = {.path = "/secret/area/"},
     .by_path = true},
    {.name = "deep",
     .external_url = {.text = "https://a.test/admin/deep/", .host = "a.test", .path = "/admin/deep/"},
     .internal_url = {.path = "/"},
     .by_path = true},
    {.name = "alone",
     .external_url = {.text = "https://b.test/", .host = "b.test", .path = "/"},
     .internal_url = {.path = "/"}},
    {.name = "below",
     .external_url = {.text = "https://c.test:8443/app/", .host = "c.test", .path = "/app/"},
     .internal_url = {.path = "/"},
     .by_path = true},
};
static const struct lab lab = {.apps = apps, .n_apps = sizeof apps / sizeof *apps};

static const struct found_case {
  const char *host, *target;
  const char *name;   /* NULL: nothing is published there */
  const char *inside; /* the target that the application gets */
} found[] = {
    {"b.test", "/x?y", "alone", "/x?y"},
    {"B.TEST", "/../x", "alone", "/../x"}, /* with the host for itself, its own affair */
    {"b.tes", "/", NULL, NULL},
    {"b.testing", "/", NULL, NULL},
    /* the longest path wins */
    {"a.test", "/", "root", "/"},
    {"a.test", "/other?x=/admin/", "root", "/other?x=/admin/"},
    {"a.test", "/admin/", "admin", "/secret/area/"},
    {"a.test", "/admin/b%20c//d?e", "admin", "/secret/area/b%20c//d?e"},
    {"a.test", "/admin//x", "admin", "/secret/area//x"},
    {"a.test", "/admin/deep/x", "deep", "/x"},
    {"a.test", "/admin/deeper", "admin", "/secret/area/deeper"},
    {"a.test", "/admin", "root", "/admin"},
    {"a.test", "/Admin/", "root", "/Admin/"},
    /* other spellings are the same path */
    {"a.test", "/%61dmin/x", "admin", "/secret/area/x"},
    {"a.test", "//admin/x", "admin", "/secret/area/x"},
    {"a.test", "/admin%2Fx", "admin", "/secret/area/x"},
    {"a.test", "/admin\\deep%5cx", "deep", "/x"},
    {"a.test", "/%2561dmin/", "root", "/%2561dmin/"},
    {"a.test", "/%00admin/", "root", "/%00admin/"},
    {"a.test", "/%zzdmin/", "root", "/%zzdmin/"},
    /* dot segments could lead anywhere */
    {"a.test", "/x/../admin/", NULL, NULL},
    {"a.test", "/./admin/", NULL, NULL},
    {"a.test", "/admin/..", NULL, NULL},
    {"a.test", "/admin/%2e%2E/x", NULL, NULL},
    {"a.test", "/admin/..%2fx", NULL, NULL},
    {"a.test", "/admin/..;a=b/x", NULL, NULL},
    {"a.test", "/admin/..\\x", NULL, NULL},
    {"a.test", "/admin/...", "admin", "/secret/area/..."},
    {"a.test", "/admin/.well-known/..a", "admin", "/secret/area/.well-known/..a"},
    {"a.test", "/admin/a?../..", "admin", "/secret/area/a?../.."},
    /* outside of every published path */
    {"c.test", "/", NULL, NULL},
    {"c.test", "/app", NULL, NULL},
    {"c.test", "/app?/", NULL, NULL},
    {"c.test", "/application/", NULL, NULL},
    {"c.test", "*", NULL, NULL},
    {"c.test", "/app/?q", "below", "/?q"},
};

START_TEST(publish_find_takes_the_most_specific_path)
{
  const struct found_case *c = &found[_i];
  const struct lab_app *app = NULL;
  size_t rest = 0;
  struct failure f = {0};
  struct buf inside;
  enum err e = publish_find(&lab, c->host, strlen(c->host), c->target, &app, &rest, &f);
  if (!c->name) {
    ck_assert_int_eq(e, ERR_APP_UNKNOWN);
    ck_assert_ptr_null(app);
    return;
  }
  ck_assert_int_eq(e, ERR_OK);
  ck_assert_str_eq(app->name, c->name);
  buf_init(&inside, 1024);
  ck_assert_int_eq(publish_internal_target(app, c->target, strlen(c->target), rest, &inside), ERR_OK);
  ck_assert_str_eq(buf_str(&inside), c->inside);
  buf_clear(&inside);
}
END_TEST

START_TEST(publish_find_gives_back_where_the_rest_begins)
{
  const struct lab_app *app;
  size_t rest;
  struct failure f;
  ck_assert_int_eq(publish_find(&lab, "b.test", 6, "/.sevenstep/x", &app, &rest, &f), ERR_OK);
  ck_assert_uint_eq(rest, 1);
  ck_assert_int_eq(publish_find(&lab, "b.test", 6, "*", &app, &rest, &f), ERR_OK);
  ck_assert_uint_eq(rest, 0);
  ck_assert_int_eq(publish_find(&lab, "c.test", 6, "/app/.sevenstep/x", &app, &rest, &f), ERR_OK);
  ck_assert_uint_eq(rest, 5);
}
END_TEST

START_TEST(publish_origin_len_ends_before_the_path)
{
  ck_assert_uint_eq(publish_origin_len(&apps[4].external_url), strlen("https://c.test:8443"));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("publish");
  TCase *c = tcase_create("publish");
  tcase_add_loop_test(c, publish_find_takes_the_most_specific_path, 0, sizeof found / sizeof *found);
  tcase_add_test(c, publish_find_gives_back_where_the_rest_begins);
  tcase_add_test(c, publish_origin_len_ends_before_the_path);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? 1 : 0;
}
