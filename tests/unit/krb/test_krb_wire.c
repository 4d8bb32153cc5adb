/* What is kept of the exchanges with a real KDC, and what is not. */
#include "kdc_lab.h"

#include "kdc_link.h"
#include "spnego.h"

#include <stdio.h>
#include <string.h>

enum { AS_REQ = 0x6a, AS_REP = 0x6b, TGS_REQ = 0x6c, TGS_REP = 0x6d, KRB_ERROR_TAG = 0x7e };

static struct kdc_lab l;
static struct krb_wire w;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

static enum err obtain(struct krb_delegator *d, const char *upn, struct krb_wire *wire)
{
  struct krb_ticket *t = NULL;
  struct krb_exchange x;
  enum err e = krb_obtain(d, upn, SPN("hello"), &t, &x, wire, NULL);
  krb_ticket_unref(t);
  return e;
}

static int tag(const void *message)
{
  return message ? *(const uint8_t *)message : -1;
}

static void expect(size_t i, int sent, int received, bool s4u2proxy)
{
  ck_assert_uint_gt(w.n, i);
  const struct krb_wire_exchange *x = &w.exchange[i];
  ck_assert_int_eq(tag(x->sent), sent);
  ck_assert_int_eq(tag(x->received), received);
  ck_assert_int_eq(x->s4u2proxy, s4u2proxy);
  ck_assert_int_ge(x->received_ns, x->sent_ns);
  ck_assert_ptr_nonnull(strstr(x->kdc, "127.0.0.1:"));
  ck_assert_str_eq(x->transport, "udp");
}

START_TEST(krb_obtain_keeps_each_exchange_in_its_order)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", &w), ERR_OK);
  ck_assert_uint_eq(w.n, 4);
  expect(0, AS_REQ, KRB_ERROR_TAG, false); /* pre-authentication is required */
  expect(1, AS_REQ, AS_REP, false);
  expect(2, TGS_REQ, TGS_REP, false);
  expect(3, TGS_REQ, TGS_REP, true);
  krb_wire_clear(&w);
  ck_assert_uint_eq(w.n, 0);
  ck_assert_int_eq(obtain(d, "alice@test", &w), ERR_OK);
  ck_assert_uint_eq(w.n, 2);
  expect(0, TGS_REQ, TGS_REP, false);
  expect(1, TGS_REQ, TGS_REP, true);
  krb_wire_clear(&w);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_obtain_refused_keeps_the_refusal)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "dave@test", &w), ERR_KRB_NOT_FORWARDABLE);
  expect(3, TGS_REQ, KRB_ERROR_TAG, true);
  ck_assert_int_eq(spnego_krb_error(w.exchange[3].received, w.exchange[3].received_len), 13);
  krb_wire_clear(&w);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_obtain_after_one_that_was_kept_keeps_nothing_more)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", &w), ERR_OK);
  size_t n = w.n;
  ck_assert_int_eq(obtain(d, "alice@test", NULL), ERR_OK); /* the same session */
  ck_assert_uint_eq(w.n, n);
  ck_assert_int_eq(obtain(d, "alice@test", &w), ERR_OK);
  n = w.n;
  struct failure f;
  ck_assert_int_eq(krb_delegator_reload(d, &f), ERR_OK); /* its own AS exchange is nobody's */
  ck_assert_uint_eq(w.n, n);
  krb_wire_clear(&w);
  krb_delegator_free(d);
}
END_TEST

/* A realm that is not ours is left to the library; what it says is kept all the same. */
START_TEST(kdc_link_of_another_realm_keeps_what_the_library_says)
{
  struct kdc_link link = {.wire = &w, .deadline_ns = INT64_MAX};
  struct kdc_addresses *others;
  krb5_context ctx;
  krb5_principal self;
  krb5_keytab keytab;
  krb5_creds creds = {0};
  char name[256];
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(kdc_addresses_new(ctx, "OTHER.TEST", &others, NULL), ERR_OK);
  kdc_link_attach(ctx, &link, others);
  snprintf(name, sizeof name, "FILE:%s", kdc_lab_path(&l, "keytabs/connector-1.keytab"));
  ck_assert_int_eq(krb5_kt_resolve(ctx, name, &keytab), 0);
  ck_assert_int_eq(krb5_parse_name(ctx, SPN("connector-1") "@" REALM, &self), 0);
  ck_assert_int_eq(krb5_get_init_creds_keytab(ctx, &creds, self, keytab, 0, NULL, NULL), 0);
  ck_assert_uint_eq(w.n, 2);
  ck_assert_int_eq(tag(w.exchange[1].sent), AS_REQ);
  ck_assert_int_eq(tag(w.exchange[1].received), AS_REP);
  ck_assert_str_eq(w.exchange[1].kdc, "a KDC of " REALM);
  ck_assert_str_eq(w.exchange[1].transport, "libkrb5");
  ck_assert_int_gt(w.exchange[1].sent_ns, 0);
  krb_wire_clear(&w);
  krb5_free_cred_contents(ctx, &creds);
  krb5_kt_close(ctx, keytab);
  krb5_free_principal(ctx, self);
  krb5_free_context(ctx);
  kdc_addresses_free(others);
}
END_TEST

START_TEST(krb_wire_put_beyond_its_room_is_left_out)
{
  char message[] = "m";
  for (int i = 0; i < KRB_WIRE_EXCHANGES + 2; i++)
    krb_wire_put(&w, &(struct krb_wire_exchange){.sent = message, .sent_len = 1});
  ck_assert_uint_eq(w.n, KRB_WIRE_EXCHANGES);
  ck_assert_ptr_null(w.exchange[0].received);
  ck_assert_ptr_ne(w.exchange[0].sent, message);
  krb_wire_clear(&w);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("krb_wire");
  TCase *t = tcase_create("krb_wire");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_add_test(t, krb_obtain_keeps_each_exchange_in_its_order);
  tcase_add_test(t, krb_obtain_refused_keeps_the_refusal);
  tcase_add_test(t, krb_obtain_after_one_that_was_kept_keeps_nothing_more);
  tcase_add_test(t, kdc_link_of_another_realm_keeps_what_the_library_says);
  tcase_add_test(t, krb_wire_put_beyond_its_room_is_left_out);
  suite_add_tcase(s, t);
  return run(s);
}
