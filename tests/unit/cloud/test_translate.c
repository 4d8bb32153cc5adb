/* What becomes of URLs in header fields on their way in and out. */
#include "translate.h"

#include "run.h"

#include <string.h>

static struct lab_app apps[] = {
    {.name = "plain",
     .external_url = {"https://plain.test:8443/", "https", "plain.test", 8443, "/"},
     .internal_url = {"http://plain.corp.test/", "http", "plain.corp.test", 80, "/"}},
    {.name = "files",
     .external_url = {"https://site.test/files/", "https", "site.test", 443, "/files/"},
     .internal_url = {"http://files.corp.test:8080/share/", "http", "files.corp.test", 8080, "/share/"},
     .by_path = true},
    {.name = "deep",
     .external_url = {"https://site.test/deep/", "https", "site.test", 443, "/deep/"},
     .internal_url = {"http://files.corp.test:8080/share/deep/", "http", "files.corp.test", 8080,
                      "/share/deep/"},
     .by_path = true},
    {.name = "near",
     .external_url = {"https://site.test/files/near/", "https", "site.test", 443, "/files/near/"},
     .internal_url = {"http://near.corp.test/", "http", "near.corp.test", 80, "/"},
     .by_path = true},
    {.name = "wild",
     .external_url = {"https://*.wild.test/", "https", "*.wild.test", 443, "/"},
     .internal_url = {"http://*.in.test/", "http", "*.in.test", 80, "/"}},
    {.name = "tame",
     .external_url = {"https://tame.test/", "https", "tame.test", 443, "/"},
     .internal_url = {"http://tame.in.test/", "http", "tame.in.test", 80, "/"}},
    {.name = "front",
     .external_url = {"https://*.front.test/", "https", "*.front.test", 443, "/"},
     .internal_url = {"http://front.in.test:81/", "http", "front.in.test", 81, "/"}},
};
static const struct lab lab = {.published = apps, .n_published = sizeof apps / sizeof *apps};
enum { PLAIN, FILES };

static const struct translation {
  int app;
  const char *name, *value, *becomes;
} inwards[] =
    {
        {PLAIN, "Origin", "https://plain.test:8443", "http://plain.corp.test"},
        {PLAIN, "Origin", "https://site.test", "http://files.corp.test:8080"}, /* of another one */
        {PLAIN, "Origin", "https://plain.test", "https://plain.test"},         /* another port */
        {PLAIN, "Origin", "https://plain.test:8443.evil.test", "https://plain.test:8443.evil.test"},
        {PLAIN, "Origin", "https://plain.test.evil.test:8443", "https://plain.test.evil.test:8443"},
        {PLAIN, "Origin", "null", "null"},
        {PLAIN, "Origin", "", ""},
        {FILES, "Origin", "https://site.test",
         "http://files.corp.test:8080"}, /* its own, of all on the host */
        {PLAIN, "Referer", "https://plain.test:8443/a?b", "http://plain.corp.test/a?b"},
        {FILES, "Referer", "https://site.test/files/a", "http://files.corp.test:8080/share/a"},
        {FILES, "Referer", "https://site.test:443/files/a", "http://files.corp.test:8080/share/a"},
        {FILES, "Referer", "https://site.test/other/a", "https://site.test/other/a"},
        {FILES, "Referer", "https://stranger.test/files/a", "https://stranger.test/files/a"},
        {PLAIN, "Origin", "https://red.wild.test", "http://red.in.test"},
        {PLAIN, "Origin", "https://a.red.wild.test", "https://a.red.wild.test"},
        {PLAIN, "Referer", "https://x.front.test/a", "http://front.in.test:81/a"},
        {PLAIN, "Cookie", "u=https://plain.test:8443/", "u=https://plain.test:8443/"},
},
  outwards[] = {
      {PLAIN, "Location", "http://plain.corp.test/a?b#c", "https://plain.test:8443/a?b#c"},
      {PLAIN, "location", "HTTP://PLAIN.corp.test:80/", "https://plain.test:8443/"},
      {PLAIN, "Location", "http://plain.corp.test:/", "https://plain.test:8443/"},
      {PLAIN, "Location", "//plain.corp.test/a", "https://plain.test:8443/a"},
      {PLAIN, "Location", "http://plain.corp.test:8080/", "http://plain.corp.test:8080/"},
      {PLAIN, "Location", "http://plain.corp.test:800000000000/", "http://plain.corp.test:800000000000/"},
      {PLAIN, "Location", "http://plain.corp.test.evil.test/", "http://plain.corp.test.evil.test/"},
      {PLAIN, "Location", "http://plain.corp.test@evil.test/", "http://plain.corp.test@evil.test/"},
      {PLAIN, "Location", "https://login.example/?to=http://plain.corp.test/",
       "https://login.example/?to=http://plain.corp.test/"},
      {PLAIN, "Location", "http://RED.in.test/a", "https://red.wild.test/a"},
      {PLAIN, "Location", "http://tame.in.test/a", "https://tame.test/a"}, /* itself before the wildcard */
      {PLAIN, "Location", "http://r_d.in.test/a", "http://r_d.in.test/a"},
      {PLAIN, "Location", "http://front.in.test:81/a", "http://front.in.test:81/a"}, /* which label? */
      {PLAIN, "Location", "/a", "/a"},
      {PLAIN, "Location", "a/b", "a/b"},
      {PLAIN, "Location", "", ""},
      {FILES, "Location", "http://files.corp.test:8080/share/x", "https://site.test/files/x"},
      {FILES, "Location", "http://files.corp.test:8080/share", "https://site.test/files/"},
      {FILES, "Location", "http://files.corp.test:8080/share?a", "https://site.test/files/?a"},
      {FILES, "Location", "http://files.corp.test:8080/shared/", "http://files.corp.test:8080/shared/"},
      {FILES, "Location", "http://files.corp.test:8080/share/deep/x", "https://site.test/deep/x"},
      {FILES, "Location", "http://plain.corp.test/x", "https://plain.test:8443/x"},
      {FILES, "Location", "/share/x", "/files/x"},
      {FILES, "Location", "/elsewhere", "/elsewhere"},
      {FILES, "Content-Location", "/share/x", "/files/x"},
      {PLAIN, "Access-Control-Allow-Origin", "http://plain.corp.test", "https://plain.test:8443"},
      {PLAIN, "Access-Control-Allow-Origin", "*", "*"},
      /* cookies */
      {PLAIN, "Set-Cookie", "a=b", "a=b"},
      {PLAIN, "Set-Cookie", "", ""},
      {PLAIN, "Set-Cookie", ";", ";"},
      {PLAIN, "Set-Cookie", "a=Domain=plain.corp.test; Path=/share/",
       "a=Domain=plain.corp.test; Path=/share/"},
      {PLAIN, "Set-Cookie", "a=b; Domain=plain.corp.test; Secure ; SameSite=None ",
       "a=b; Domain=plain.test; Secure ; SameSite=None "},
      {PLAIN, "Set-Cookie", "a=b;domain = .Corp.test ;x", "a=b;domain = plain.test ;x"},
      {PLAIN, "Set-Cookie", "a=b; Domain=orp.test", "a=b; Domain=orp.test"},
      {PLAIN, "Set-Cookie", "a=b; Domain=x.plain.corp.test", "a=b; Domain=x.plain.corp.test"},
      {PLAIN, "Set-Cookie", "a=b; Domain=; Domain", "a=b; Domain=; Domain"},
      {FILES, "Set-Cookie", "a=b; Path=/share/x; HttpOnly", "a=b; Path=/files/x; HttpOnly"},
      {FILES, "Set-Cookie", "a=b; Path=/share", "a=b; Path=/files/"},
      {FILES, "Set-Cookie", "a=b; path=/", "a=b; path=/files/"},
      {FILES, "Set-Cookie", "a=b; Path=/sha", "a=b; Path=/sha"},
      {FILES, "Set-Cookie", "a=b; Path=/other/", "a=b; Path=/other/"},
      {FILES, "Set-Cookie", "a=b; Path=", "a=b; Path="},
      {FILES, "Refresh", "0; url=/share/", "0; url=/share/"},
};

static void translates(const struct translation *t, bool in)
{
  struct fields f;
  fields_init(&f, 8, 4096);
  ck_assert_int_eq(fields_add(&f, t->name, t->value), ERR_OK);
  ck_assert_int_eq(fields_add(&f, "Other", "x"), ERR_OK);
  const struct lab_app *app = &apps[t->app];
  ck_assert_int_eq(in ? translate_request(&lab, app, &f) : translate_response(&lab, app, &f), ERR_OK);
  ck_assert_uint_eq(fields_count(&f), 2);
  ck_assert_str_eq(fields_get(&f, t->name), t->becomes);
  fields_clear(&f);
}

START_TEST(translate_request_names_what_the_application_knows)
{
  translates(&inwards[_i], true);
}
END_TEST

START_TEST(translate_response_names_what_users_know)
{
  translates(&outwards[_i], false);
}
END_TEST

START_TEST(translate_response_keeps_cookies_apart_and_in_order)
{
  static const char *const in[] = {"a=1; Path=/share/", "b=2", "a=3; Path=/"};
  static const char *const out[] = {"a=1; Path=/files/", "b=2", "a=3; Path=/files/"};
  struct fields f;
  fields_init(&f, 8, 4096);
  for (size_t i = 0; i < 3; i++)
    ck_assert_int_eq(fields_add(&f, "Set-Cookie", in[i]), ERR_OK);
  ck_assert_int_eq(translate_response(&lab, &apps[FILES], &f), ERR_OK);
  ck_assert_uint_eq(fields_count(&f), 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert_str_eq(fields_at(&f, i).value, out[i]);
  fields_clear(&f);
}
END_TEST

START_TEST(translate_response_that_outgrows_its_list_is_too_large)
{
  struct fields f;
  fields_init(&f, 1, 37);
  ck_assert_int_eq(fields_add(&f, "Location", "http://plain.corp.test/abcd"), ERR_OK);
  ck_assert_int_eq(translate_response(&lab, &apps[PLAIN], &f), ERR_TOO_LARGE);
  fields_clear(&f);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("translate");
  TCase *c = tcase_create("translate");
  tcase_add_loop_test(c, translate_request_names_what_the_application_knows, 0,
                      sizeof inwards / sizeof *inwards);
  tcase_add_loop_test(c, translate_response_names_what_users_know, 0, sizeof outwards / sizeof *outwards);
  tcase_add_test(c, translate_response_keeps_cookies_apart_and_in_order);
  tcase_add_test(c, translate_response_that_outgrows_its_list_is_too_large);
  suite_add_tcase(suite, c);
  return run(suite);
}
