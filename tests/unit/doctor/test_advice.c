#include "advice.h"

#include "run.h"

#include <string.h>

static const struct advice_names names = {.keytab = "/k",
                                          .connector = "HTTP/c.corp.test",
                                          .account = "c",
                                          .realm = "CORP.TEST",
                                          .other = "P.TEST",
                                          .user = "alice",
                                          .spn = "HTTP/web.corp.test",
                                          .url = "http://web.corp.test/"};

static void expect(const char *text, const char *expanded)
{
  char out[200];
  advice_expand(text, &names, out, sizeof out);
  ck_assert_str_eq(out, expanded);
}

START_TEST(advice_expand_known_words_are_replaced)
{
  expect(
      "{user}@{realm} by {connector} ({account}, {keytab}) to {spn} of {other} at {url}",
      "alice@CORP.TEST by HTTP/c.corp.test (c, /k) to HTTP/web.corp.test of P.TEST at http://web.corp.test/");
}
END_TEST

START_TEST(advice_expand_other_braces_stay)
{
  expect("@{'a'='{spn}'} {unknown} { {", "@{'a'='HTTP/web.corp.test'} {unknown} { {");
}
END_TEST

START_TEST(advice_expand_missing_name_is_a_question_mark)
{
  char out[50];
  const struct advice_names none = {0};
  advice_expand("for {user}.", &none, out, sizeof out);
  ck_assert_str_eq(out, "for ?.");
}
END_TEST

START_TEST(advice_expand_long_result_is_cut)
{
  char out[8];
  advice_expand("{connector}", &names, out, sizeof out);
  ck_assert_str_eq(out, "HTTP/c.");
}
END_TEST

/* Room for names of ordinary length in a finding's fields of 400 bytes. */
START_TEST(advice_of_every_row_is_complete_and_fits)
{
  for (int i = 0; i < ADVICE_COUNT; i++) {
    const struct advice *a = advice_of((enum advice_id)i);
    ck_assert_int_ne(a->error, ERR_OK);
    const char *const texts[] = {a->cause, a->mit, a->ad};
    for (size_t k = 0; k < 3; k++) {
      char out[400];
      advice_expand(texts[k], &names, out, sizeof out);
      ck_assert_uint_gt(strlen(out), 10);
      ck_assert_uint_lt(strlen(out), 300);
      ck_assert_ptr_null(strstr(out, "{user"));
      ck_assert_ptr_null(strstr(out, "{connector"));
    }
  }
}
END_TEST

int main(void)
{
  Suite *s = suite_create("advice");
  TCase *t = tcase_create("advice");
  tcase_add_test(t, advice_expand_known_words_are_replaced);
  tcase_add_test(t, advice_expand_other_braces_stay);
  tcase_add_test(t, advice_expand_missing_name_is_a_question_mark);
  tcase_add_test(t, advice_expand_long_result_is_cut);
  tcase_add_test(t, advice_of_every_row_is_complete_and_fits);
  suite_add_tcase(s, t);
  return run(s);
}
