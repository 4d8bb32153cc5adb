/* What a connector is told of a request. */
#include "direction.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

START_TEST(direction_comes_as_it_was_written)
{
  const struct direction all[] = {
      {.version = 1, .app = "a", .client = "192.0.2.1", .http = 0},
      {.version = UINT32_MAX,
       .app = "a-b",
       .segment = "api",
       .label = "team1",
       .client = "fe80::1%eth0",
       .http = 2,
       .upn = "zo\303\253 - a@x.test"},
  };
  const struct direction *d = &all[_i];
  struct direction read;
  char text[DIRECTION_MAX];
  ck_assert_int_eq(direction_write(d, text), ERR_OK);
  ck_assert_int_eq(direction_read(text, &read), ERR_OK);
  ck_assert_uint_eq(read.version, d->version);
  ck_assert_str_eq(read.app, d->app);
  ck_assert_pstr_eq(read.segment, d->segment);
  ck_assert_pstr_eq(read.label, d->label);
  ck_assert_str_eq(read.client, d->client);
  ck_assert_int_eq(read.http, d->http);
  ck_assert_pstr_eq(read.upn, d->upn);
}
END_TEST

START_TEST(direction_that_is_too_long_is_not_written)
{
  char upn[DIRECTION_MAX], text[DIRECTION_MAX];
  const struct direction d = {.version = 1, .app = "a", .client = "::1", .upn = upn};
  memset(upn, 'x', sizeof upn);
  upn[sizeof upn - 1] = 0;
  ck_assert_int_eq(direction_write(&d, text), ERR_TOO_LARGE);
}
END_TEST

START_TEST(direction_that_is_not_quite_one_is_refused)
{
  static const char *const bad[] = {
      "",
      "1 a - - ::1",
      "1 a  - ::1 1",
      " 1 a - - ::1 1",
      "0 a - - ::1 1",
      "01 a - - ::1 1",
      "-1 a - - ::1 1",
      "4294967296 a - - ::1 1",
      "1 - - - ::1 1",
      "1 a - - - 1",
      "1 a - - ::1 3",
      "1 a - - ::1 x a@x.test",
      "1 a - - ::1  a@x.test",
  };
  struct direction read;
  char cut[64];
  snprintf(cut, sizeof cut, "%s", bad[_i]);
  ck_assert_int_eq(direction_read(cut, &read), ERR_SYNTAX);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("direction");
  TCase *c = tcase_create("direction");
  tcase_add_loop_test(c, direction_comes_as_it_was_written, 0, 2);
  tcase_add_test(c, direction_that_is_too_long_is_not_written);
  tcase_add_loop_test(c, direction_that_is_not_quite_one_is_refused, 0, 13);
  suite_add_tcase(s, c);
  return run(s);
}
