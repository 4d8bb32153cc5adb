/* Which application a target belongs to, however it is spelt, and what it is called inside. */
#include "publish.h"

#include "run.h"

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
    {.name = "wild",
     .external_url = {.text = "https://*.d.test/", .host = "*.d.test", .path = "/"},
     .internal_url = {.text = "http://*.in.test/", .host = "*.in.test", .path = "/"},
     .by_path = true},
    {.name = "wild",
     .segment = "deep",
     .external_url = {.text = "https://*.d.test/deep/", .host = "*.d.test", .path = "/deep/"},
     .internal_url = {.text = "http://in.test/", .host = "in.test", .path = "/"},
     .by_path = true},
    {.name = "tame",
     .external_url = {.text = "https://tame.d.test/x/", .host = "tame.d.test", .path = "/x/"},
     .internal_url = {.path = "/"},
     .by_path = true},
};
static const struct lab lab = {.published = apps, .n_published = sizeof apps / sizeof *apps};

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
    /* a wildcard is what no exact host is */
    {"red.d.test", "/y", "wild", "/y"},
    {"red.d.test", "/deep/y", "wild", "/y"},
    {"tame.d.test", "/x/y", "tame", "/y"},
    {"tame.d.test", "/y", NULL, NULL},
    {"TAME.d.test", "/deep/y", NULL, NULL},
    {"d.test", "/", NULL, NULL},
    {"a.b.d.test", "/", NULL, NULL},
    {"*.d.test", "/", NULL, NULL},
    {"r_d.d.test", "/", NULL, NULL},
    {"red.d.test.", "/", NULL, NULL},
};

START_TEST(publish_find_takes_the_most_specific_path)
{
  const struct found_case *c = &found[_i];
  struct lab_concrete storage;
  struct published p = {0};
  struct failure f = {0};
  struct buf inside;
  enum err e = publish_find(&lab, c->host, strlen(c->host), c->target, &storage, &p, &f);
  if (!c->name) {
    ck_assert_int_eq(e, ERR_APP_UNKNOWN);
    ck_assert_ptr_null(p.app);
    return;
  }
  ck_assert_int_eq(e, ERR_OK);
  ck_assert_str_eq(p.app->name, c->name);
  buf_init(&inside, 1024);
  ck_assert_int_eq(publish_internal_target(p.app, c->target, strlen(c->target), p.rest, &inside), ERR_OK);
  ck_assert_str_eq(buf_str(&inside), c->inside);
  buf_clear(&inside);
}
END_TEST

START_TEST(publish_find_gives_back_where_the_rest_begins)
{
  struct lab_concrete storage;
  struct published p;
  struct failure f;
  ck_assert_int_eq(publish_find(&lab, "b.test", 6, "/.sevenstep/x", &storage, &p, &f), ERR_OK);
  ck_assert_uint_eq(p.rest, 1);
  ck_assert_int_eq(publish_find(&lab, "b.test", 6, "*", &storage, &p, &f), ERR_OK);
  ck_assert_uint_eq(p.rest, 0);
  ck_assert_int_eq(publish_find(&lab, "c.test", 6, "/app/.sevenstep/x", &storage, &p, &f), ERR_OK);
  ck_assert_uint_eq(p.rest, 5);
}
END_TEST

START_TEST(publish_find_by_wildcard_names_the_hosts_of_the_label)
{
  struct lab_concrete storage;
  struct published p;
  struct failure f;
  ck_assert_int_eq(publish_find(&lab, "Red.D.test", 10, "/deep/x", &storage, &p, &f), ERR_OK);
  ck_assert_str_eq(p.app->external_url.text, "https://red.d.test/deep/");
  ck_assert_str_eq(p.app->segment, "deep");
  ck_assert_str_eq(p.app->label, "red");
  ck_assert_str_eq(p.app->internal_url.host, "in.test");
  ck_assert_uint_eq(p.rest, 6);
}
END_TEST

START_TEST(lab_origin_len_ends_before_the_path)
{
  ck_assert_uint_eq(lab_origin_len("https://c.test:8443/app/"), strlen("https://c.test:8443"));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("publish");
  TCase *c = tcase_create("publish");
  tcase_add_loop_test(c, publish_find_takes_the_most_specific_path, 0, sizeof found / sizeof *found);
  tcase_add_test(c, publish_find_gives_back_where_the_rest_begins);
  tcase_add_test(c, publish_find_by_wildcard_names_the_hosts_of_the_label);
  tcase_add_test(c, lab_origin_len_ends_before_the_path);
  suite_add_tcase(suite, c);
  return run(suite);
}
