/* What is UTF-8, whole and byte by byte. */
#include "utf8.h"

#include "run.h"

#include <string.h>

static const char *const good[] = {"",
                                   "plain",
                                   "eight by eight and some more",
                                   "\xc2\x80",
                                   "\xdf\xbf",
                                   "\xe0\xa0\x80",
                                   "\xed\x9f\xbf",
                                   "\xee\x80\x80",
                                   "\xef\xbf\xbf",
                                   "\xf0\x90\x80\x80",
                                   "\xf4\x8f\xbf\xbf",
                                   "a\xc3\xa4 b\xe2\x82\xac c\xf0\x9f\x98\x80 d"};

/* Each is refused at its last byte at the latest. */
static const char *const bad[] = {"\x80",          "\xbf",         "\xc0\x80", /* overlong */
                                  "\xc1\xbf",                                  /* overlong */
                                  "\xe0\x9f",                                  /* overlong */
                                  "\xf0\x8f",                                  /* overlong */
                                  "\xed\xa0",                                  /* a surrogate */
                                  "\xf4\x90",                                  /* beyond U+10FFFF */
                                  "\xf5",          "\xff",         "\xc3(",    "\xe2\x82(",
                                  "\xf0\x9f\x98(", "12345678\xff", "\xe2(\xa1"};

static const char *const unfinished[] = {"\xc3", "a\xe2\x82", "\xf0\x9f\x98"};

static bool take(const char *text, struct utf8 *u, bool bytewise)
{
  size_t n = strlen(text);
  bool ok = true;
  *u = (struct utf8){0};
  if (!bytewise) return utf8_take(u, (const uint8_t *)text, n);
  for (size_t i = 0; i < n && ok; i++)
    ok = utf8_take(u, (const uint8_t *)text + i, 1);
  return ok;
}

START_TEST(take_utf8_is_true)
{
  struct utf8 u;
  ck_assert(take(good[_i], &u, false) && utf8_complete(&u));
  ck_assert(take(good[_i], &u, true) && utf8_complete(&u));
}
END_TEST

START_TEST(take_anything_else_is_false)
{
  struct utf8 u;
  ck_assert(!take(bad[_i], &u, false));
  ck_assert(!take(bad[_i], &u, true));
}
END_TEST

START_TEST(complete_inside_of_a_character_is_false)
{
  struct utf8 u;
  ck_assert(take(unfinished[_i], &u, false));
  ck_assert(!utf8_complete(&u));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("utf8");
  TCase *c = tcase_create("utf8");
  tcase_add_loop_test(c, take_utf8_is_true, 0, sizeof good / sizeof *good);
  tcase_add_loop_test(c, take_anything_else_is_false, 0, sizeof bad / sizeof *bad);
  tcase_add_loop_test(c, complete_inside_of_a_character_is_false, 0, sizeof unfinished / sizeof *unfinished);
  suite_add_tcase(suite, c);
  return run(suite);
}
