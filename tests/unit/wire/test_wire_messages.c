/* Messages without keys: what is told of them, and what of those that are none. */
#include "wire.h"

#include "der.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

static struct wire *w;
static json_t *x;

static void set_up(void)
{
  struct failure f;
  ck_assert_int_eq(wire_new(&w, &f), ERR_OK);
  x = NULL;
}

static void tear_down(void)
{
  json_decref(x);
  wire_free(w);
}

static uint8_t store[8192];

/* A KRB-ERROR of this code, with this e-data. */
static struct der krb_error(int code, const void *data, size_t n)
{
  static const char realm[] = "R", time[] = "20231114221320Z";
  struct der_writer d;
  der_writer_init(&d, store, sizeof store);
  if (n) der_put_field(&d, 12, DER_OCTET_STRING, data, n);
  der_put_field(&d, 11, DER_GENERAL_STRING, "WHY", 3);
  size_t name = der_written(&d);
  der_put_element(&d, DER_GENERAL_STRING, "x.y", 3);
  der_put_element(&d, DER_GENERAL_STRING, "HTTP", 4);
  der_wrap(&d, DER_SEQUENCE, name);
  der_wrap(&d, DER_CONTEXT(1), name);
  der_put_int_field(&d, 0, 2);
  der_wrap(&d, DER_SEQUENCE, name);
  der_wrap(&d, DER_CONTEXT(10), name);
  der_put_field(&d, 9, DER_GENERAL_STRING, realm, sizeof realm - 1);
  der_put_int_field(&d, 6, code);
  der_put_int_field(&d, 5, 1);
  der_put_field(&d, 4, DER_GENERALIZED_TIME, time, sizeof time - 1);
  der_put_int_field(&d, 1, 30);
  der_put_int_field(&d, 0, 5);
  der_wrap(&d, DER_SEQUENCE, 0);
  der_wrap(&d, DER_APPLICATION(30), 0);
  ck_assert(!d.overflow);
  return der_of(d.at, der_written(&d));
}

/* METHOD-DATA with one PA-DATA. */
static size_t method_data(uint8_t out[4096], int type, const void *value, size_t n)
{
  static uint8_t room[4096];
  struct der_writer d;
  der_writer_init(&d, room, sizeof room);
  der_put_field(&d, 2, DER_OCTET_STRING, value, n);
  der_put_int_field(&d, 1, type);
  der_wrap(&d, DER_SEQUENCE, 0);
  der_wrap(&d, DER_SEQUENCE, 0);
  ck_assert(!d.overflow);
  memcpy(out, d.at, der_written(&d));
  return der_written(&d);
}

static json_t *reply_of(struct der m)
{
  json_decref(x);
  x = wire_decode(w, NULL, 0, m.p, der_left(&m));
  return json_object_get(x, "reply");
}

static const char *text(json_t *o, const char *key)
{
  const char *v = json_string_value(json_object_get(o, key));
  return v ? v : "";
}

START_TEST(wire_decode_nothing_is_null)
{
  x = wire_decode(w, NULL, 0, NULL, 0);
  ck_assert(json_is_null(json_object_get(x, "request")));
  ck_assert(json_is_null(json_object_get(x, "reply")));
}
END_TEST

START_TEST(wire_decode_no_message_is_malformed)
{
  static const char junk[] = "GET / HTTP/1.1";
  x = wire_decode(w, junk, sizeof junk, junk, 1);
  ck_assert(json_is_null(json_object_get(json_object_get(x, "request"), "message")));
  ck_assert_str_ne(text(json_object_get(x, "request"), "malformed"), "");
  ck_assert_str_ne(text(json_object_get(x, "reply"), "malformed"), "");
}
END_TEST

START_TEST(wire_decode_krb_error_has_code_name_and_text)
{
  json_t *m = reply_of(krb_error(13, NULL, 0));
  ck_assert_str_eq(text(m, "message"), "KRB-ERROR");
  ck_assert_str_eq(text(m, "error_code"), "KDC_ERR_BADOPTION (13)");
  ck_assert_str_eq(text(m, "e_text"), "WHY");
  ck_assert_str_eq(text(m, "sname"), "HTTP/x.y");
  ck_assert_str_eq(text(m, "stime"), "2023-11-14T22:13:20Z");
  ck_assert_ptr_null(json_object_get(m, "malformed"));
}
END_TEST

START_TEST(wire_decode_unknown_code_is_a_number)
{
  ck_assert_str_eq(text(reply_of(krb_error(9999, NULL, 0)), "error_code"), "9999");
}
END_TEST

START_TEST(wire_decode_error_data_is_padata_or_bytes)
{
  uint8_t data[4096];
  size_t n = method_data(data, 133, "MIT", 3);
  json_t *list = json_object_get(reply_of(krb_error(25, data, n)), "e_data");
  ck_assert_str_eq(text(json_array_get(list, 0), "type"), "PA-FX-COOKIE (133)");
  ck_assert_str_eq(text(json_array_get(list, 0), "value"), "4d4954");
  ck_assert_str_eq(text(reply_of(krb_error(25, "\x01\x02", 2)), "e_data"), "0102");
}
END_TEST

START_TEST(wire_decode_long_bytes_are_cut_and_counted)
{
  uint8_t many[100] = {0};
  ck_assert_ptr_nonnull(
      strstr(text(reply_of(krb_error(25, many, sizeof many)), "e_data"), "... (100 bytes)"));
}
END_TEST

START_TEST(wire_decode_malformed_field_keeps_what_stood_before)
{
  struct der m = krb_error(13, NULL, 0);
  uint8_t *at = memmem(store, sizeof store, "20231114221320Z", 15);
  ck_assert_ptr_nonnull(at);
  *at = 'x';
  json_t *o = reply_of(m);
  ck_assert_str_eq(text(o, "malformed"), "stime");
  ck_assert_ptr_null(json_object_get(o, "error_code"));
}
END_TEST

START_TEST(wire_decode_what_is_not_utf8_is_shown_as_bytes)
{
  struct der m = krb_error(13, NULL, 0);
  uint8_t *at = memmem(store, sizeof store, "WHY", 3);
  ck_assert_ptr_nonnull(at);
  *at = 0xff;
  ck_assert_str_eq(text(reply_of(m), "e_text"), "ff4859");
}
END_TEST

START_TEST(wire_decode_cut_anywhere_says_so)
{
  uint8_t data[4096], *copy;
  size_t n = method_data(data, 133, "MIT", 3);
  struct der m = krb_error(25, data, n);
  for (size_t left = 1; left < der_left(&m); left++) {
    copy = malloc(left);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, m.p, left);
    json_t *o = reply_of(der_of(copy, left));
    ck_assert_msg(json_object_get(o, "malformed") != NULL, "%zu", left);
    free(copy);
  }
}
END_TEST

/* A KRB-ERROR in a PA-FX-ERROR in a KRB-ERROR, and so on. */
START_TEST(wire_decode_nested_too_deep_ends)
{
  uint8_t data[4096];
  struct der m = krb_error(13, NULL, 0);
  for (int i = 0; i < 30; i++)
    m = krb_error(13, data, method_data(data, 137, m.p, der_left(&m)));
  char *all = json_dumps(reply_of(m), 0);
  ck_assert_ptr_nonnull(all);
  ck_assert_ptr_nonnull(strstr(all, "it lies too deep"));
  free(all);
}
END_TEST

START_TEST(wire_add_keys_absent_keytab_is_an_io_error)
{
  struct failure f;
  ck_assert_int_eq(wire_add_keys(w, "/nonexistent/keytab", &f), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, "/nonexistent/keytab"));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("wire_messages");
  TCase *t = tcase_create("messages");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, wire_decode_nothing_is_null);
  tcase_add_test(t, wire_decode_no_message_is_malformed);
  tcase_add_test(t, wire_decode_krb_error_has_code_name_and_text);
  tcase_add_test(t, wire_decode_unknown_code_is_a_number);
  tcase_add_test(t, wire_decode_error_data_is_padata_or_bytes);
  tcase_add_test(t, wire_decode_long_bytes_are_cut_and_counted);
  tcase_add_test(t, wire_decode_malformed_field_keeps_what_stood_before);
  tcase_add_test(t, wire_decode_what_is_not_utf8_is_shown_as_bytes);
  tcase_add_test(t, wire_decode_cut_anywhere_says_so);
  tcase_add_test(t, wire_decode_nested_too_deep_ends);
  tcase_add_test(t, wire_add_keys_absent_keytab_is_an_io_error);
  suite_add_tcase(s, t);
  return run(s);
}
