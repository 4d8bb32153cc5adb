/* The opening handshake, asked and answered. */
#include "handshake.h"

#include "run.h"

#include <string.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 1.3 */

static struct fields f;
static struct failure why;

static void add(const char *name, const char *value)
{
  ck_assert_int_eq(fields_add(&f, name, value), ERR_OK);
}

static void set(const char *name, const char *value)
{
  ck_assert_int_eq(fields_set(&f, name, value), ERR_OK);
}

static void setup(void)
{
  fields_init(&f, 16, 4096);
  why = (struct failure){0};
  add("Upgrade", "websocket");
  add("Connection", "keep-alive, Upgrade");
  add("Sec-WebSocket-Version", "13");
  add("Sec-WebSocket-Key", KEY);
  add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void teardown(void)
{
  fields_clear(&f);
}

static void assert_request(enum err e, const char *text)
{
  ck_assert_int_eq(websocket_check_request("GET", 1, false, &f, &why), e);
  ck_assert_msg(strstr(why.why, text) != NULL, "%s", why.why);
}

static void assert_answer(enum err e, const char *text)
{
  ck_assert_int_eq(websocket_check_answer(KEY, &f, &why), e);
  ck_assert_msg(strstr(why.why, text) != NULL, "%s", why.why);
}

/* -- requests -------------------------------------------------------------------------------------------- */

START_TEST(check_request_whole_is_taken)
{
  assert_request(ERR_OK, "");
}
END_TEST

START_TEST(check_request_in_other_case_is_taken)
{
  set("Upgrade", "h2c, WebSocket");
  set("Connection", "UPGRADE");
  assert_request(ERR_OK, "");
}
END_TEST

START_TEST(check_request_of_another_method_is_refused)
{
  ck_assert_int_eq(websocket_check_request("POST", 1, false, &f, &why), ERR_WEBSOCKET_HANDSHAKE);
}
END_TEST

START_TEST(check_request_by_http10_is_refused)
{
  ck_assert_int_eq(websocket_check_request("GET", 0, false, &f, &why), ERR_WEBSOCKET_HANDSHAKE);
}
END_TEST

START_TEST(check_request_with_a_body_is_refused)
{
  ck_assert_int_eq(websocket_check_request("GET", 1, true, &f, &why), ERR_WEBSOCKET_HANDSHAKE);
}
END_TEST

START_TEST(check_request_without_upgrade_is_refused)
{
  set("Upgrade", "h2c");
  assert_request(ERR_WEBSOCKET_HANDSHAKE, "no Upgrade");
}
END_TEST

START_TEST(check_request_without_connection_upgrade_is_refused)
{
  set("Connection", "keep-alive");
  assert_request(ERR_WEBSOCKET_HANDSHAKE, "no Connection");
}
END_TEST

START_TEST(check_request_without_key_is_refused)
{
  fields_remove(&f, "Sec-WebSocket-Key");
  assert_request(ERR_WEBSOCKET_HANDSHAKE, "no Sec-WebSocket-Key");
}
END_TEST

START_TEST(check_request_with_two_keys_is_refused)
{
  add("Sec-WebSocket-Key", KEY);
  assert_request(ERR_WEBSOCKET_HANDSHAKE, "more than one Sec-WebSocket-Key");
}
END_TEST

START_TEST(check_request_with_a_key_of_another_length_is_refused)
{
  static const char *const keys[] = {"",
                                     "AAAAAAAAAAAAAAAAAAAA",     /* 15 bytes */
                                     "AAAAAAAAAAAAAAAAAAAAAAA=", /* 17 */
                                     "AAAAAAAAAAAAAAAAAAAAAA",   /* no padding */
                                     "AAAAAAAAAAAAAAAAAAAAAB==", /* bits behind the end */
                                     "AAAAAAAAAA AAAAAAAAAAA==",
                                     KEY "A"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    set("Sec-WebSocket-Key", keys[i]);
    assert_request(ERR_WEBSOCKET_HANDSHAKE, "not 16 bytes");
  }
}
END_TEST

START_TEST(check_request_without_version_is_refused)
{
  fields_remove(&f, "Sec-WebSocket-Version");
  assert_request(ERR_WEBSOCKET_HANDSHAKE, "no Sec-WebSocket-Version");
}
END_TEST

START_TEST(check_request_with_two_versions_is_refused)
{
  add("Sec-WebSocket-Version", "8");
  assert_request(ERR_WEBSOCKET_HANDSHAKE, "more than one Sec-WebSocket-Version");
}
END_TEST

START_TEST(check_request_of_another_version_says_so)
{
  set("Sec-WebSocket-Version", "8");
  assert_request(ERR_WEBSOCKET_VERSION, "version 8");
}
END_TEST

START_TEST(wanted_also_when_the_rest_is_wrong)
{
  fields_remove(&f, "Connection");
  ck_assert(websocket_wanted(&f));
  fields_remove(&f, "Upgrade");
  ck_assert(!websocket_wanted(&f));
}
END_TEST

/* -- answers --------------------------------------------------------------------------------------------- */

START_TEST(accept_of_the_standards_key_is_the_standards_value)
{
  char accept[WEBSOCKET_ACCEPT_LEN + 1];
  ck_assert_int_eq(websocket_accept(KEY, accept), ERR_OK);
  ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

START_TEST(new_key_passes_the_check_and_is_another_each_time)
{
  char one[WEBSOCKET_KEY_LEN + 1], two[WEBSOCKET_KEY_LEN + 1];
  ck_assert_int_eq(websocket_new_key(one), ERR_OK);
  ck_assert_int_eq(websocket_new_key(two), ERR_OK);
  ck_assert_str_ne(one, two);
  set("Sec-WebSocket-Key", one);
  assert_request(ERR_OK, "");
}
END_TEST

START_TEST(check_answer_whole_is_taken)
{
  assert_answer(ERR_OK, "");
}
END_TEST

START_TEST(check_answer_without_upgrade_is_refused)
{
  set("Upgrade", "h2c");
  assert_answer(ERR_BACKEND_PROTOCOL, "Upgrade: websocket");
}
END_TEST

START_TEST(check_answer_without_connection_upgrade_is_refused)
{
  fields_remove(&f, "Connection");
  assert_answer(ERR_BACKEND_PROTOCOL, "Connection: Upgrade");
}
END_TEST

START_TEST(check_answer_to_another_key_is_refused)
{
  set("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=");
  assert_answer(ERR_BACKEND_PROTOCOL, "does not answer the key");
}
END_TEST

START_TEST(check_answer_without_accept_or_with_two_is_refused)
{
  add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  assert_answer(ERR_BACKEND_PROTOCOL, "exactly one");
  fields_remove(&f, "Sec-WebSocket-Accept");
  assert_answer(ERR_BACKEND_PROTOCOL, "exactly one");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("handshake");
  TCase *c = tcase_create("handshake");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, check_request_whole_is_taken);
  tcase_add_test(c, check_request_in_other_case_is_taken);
  tcase_add_test(c, check_request_of_another_method_is_refused);
  tcase_add_test(c, check_request_by_http10_is_refused);
  tcase_add_test(c, check_request_with_a_body_is_refused);
  tcase_add_test(c, check_request_without_upgrade_is_refused);
  tcase_add_test(c, check_request_without_connection_upgrade_is_refused);
  tcase_add_test(c, check_request_without_key_is_refused);
  tcase_add_test(c, check_request_with_two_keys_is_refused);
  tcase_add_test(c, check_request_with_a_key_of_another_length_is_refused);
  tcase_add_test(c, check_request_without_version_is_refused);
  tcase_add_test(c, check_request_with_two_versions_is_refused);
  tcase_add_test(c, check_request_of_another_version_says_so);
  tcase_add_test(c, wanted_also_when_the_rest_is_wrong);
  tcase_add_test(c, accept_of_the_standards_key_is_the_standards_value);
  tcase_add_test(c, new_key_passes_the_check_and_is_another_each_time);
  tcase_add_test(c, check_answer_whole_is_taken);
  tcase_add_test(c, check_answer_without_upgrade_is_refused);
  tcase_add_test(c, check_answer_without_connection_upgrade_is_refused);
  tcase_add_test(c, check_answer_to_another_key_is_refused);
  tcase_add_test(c, check_answer_without_accept_or_with_two_is_refused);
  suite_add_tcase(suite, c);
  return run(suite);
}
