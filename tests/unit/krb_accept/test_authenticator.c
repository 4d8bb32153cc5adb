/* Authenticators of a ticket that is known, made here with its session key: so that each can be wrong in one
 * way. */
#include "authenticator.h"
#include "kdc_lab.h"

#include "encode.h"

#include <string.h>

static struct kdc_lab l;
static krb5_context ctx;
static struct known_ticket *known;

static void setup(void)
{
  struct krb_initiator *i;
  struct spnego_request request;
  struct buf value, token;
  struct failure f = {0};
  krb5_keytab keytab;
  kdc_lab_make(&l);
  kdc_lab_start(&l);
  struct krb_ticket *ticket = kdc_lab_ticket(&l);
  buf_init(&value, 65536);
  buf_init(&token, 65536);
  ck_assert_int_eq(krb_initiator_new(ticket, NULL, &value, &i, NULL), ERR_OK);
  ck_assert_int_eq(base64_decode(&token, buf_str(&value) + 10, value.len - 10), ERR_OK);
  ck_assert_ptr_null(spnego_parse_request(token.data, token.len, &request));
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(krb5_kt_resolve(ctx, kdc_lab_path(&l, "keytabs/backend.keytab"), &keytab), 0);
  ck_assert_msg(known_ticket_new(keytab, &request.ticket, &known, &f) == ERR_OK, "%s", f.why);
  krb5_kt_close(ctx, keytab);
  krb_initiator_free(i);
  krb_ticket_unref(ticket);
  buf_clear(&value);
  buf_clear(&token);
}

static void teardown(void)
{
  known_ticket_unref(known);
  krb5_free_context(ctx);
  kdc_lab_remove(&l);
}

/* What is encrypted: the bytes of an authenticator, which a test may change. */
static uint8_t plain[SPNEGO_AUTHENTICATOR_MAX];
static struct spnego_form form;
static struct authenticator read_one;

static void make(const char *realm, const char *name)
{
  struct spnego_name who = {
      .type = 1, .realm = realm, .realm_len = strlen(realm), .count = 1, .component = {{name, strlen(name)}}};
  ck_assert(spnego_authenticator_init(plain, &form, &who));
}

static uint8_t *checksum_flags(void)
{
  uint8_t *oid = memmem(plain, form.len, "\x04\x18\x10\x00\x00\x00", 6);
  ck_assert_ptr_nonnull(oid);
  return oid + 2 + 20;
}

static bool read_it(krb5_keyusage usage, int enctype)
{
  uint8_t stamped[1024], cipher[1280];
  krb5_data in = {.length = (unsigned)form.len, .data = (char *)stamped};
  krb5_enc_data enc = {.ciphertext = {.length = sizeof cipher, .data = (char *)cipher}};
  spnego_stamp(plain, &form, stamped, 1795473115, 77777, 0x20000000, NULL);
  ck_assert_int_eq(krb5_k_encrypt(ctx, known->keys[0].key, usage, NULL, &in, &enc), 0);
  struct spnego_request request = {
      .first = true, .enctype = enctype, .cipher = der_of(cipher, enc.ciphertext.length)};
  return authenticator_read(known, &request, &read_one);
}

START_TEST(authenticator_read_right_one_is_read)
{
  make(REALM, "alice");
  ck_assert(read_it(11, known->enctype));
  ck_assert_int_eq(read_one.ctime, 1795473115);
  ck_assert_uint_eq(read_one.cusec, 77777);
  ck_assert_uint_eq(read_one.gss_flags, 0x22);
  ck_assert(read_one.plain);
}
END_TEST

START_TEST(authenticator_read_other_client_is_refused)
{
  make(REALM, "bob");
  ck_assert(!read_it(11, known->enctype));
  make(REALM, "alic");
  ck_assert(!read_it(11, known->enctype));
}
END_TEST

START_TEST(authenticator_read_other_realm_is_refused)
{
  make("OTHER.TEST", "alice");
  ck_assert(!read_it(11, known->enctype));
}
END_TEST

START_TEST(authenticator_read_made_for_another_purpose_is_refused)
{
  make(REALM, "alice");
  ck_assert(!read_it(7, known->enctype)); /* of a TGS request */
}
END_TEST

START_TEST(authenticator_read_other_enctype_is_refused)
{
  make(REALM, "alice");
  ck_assert(!read_it(11, 17));
}
END_TEST

START_TEST(authenticator_read_other_checksum_type_is_refused)
{
  make(REALM, "alice");
  uint8_t *type = memmem(plain, form.len, "\x02\x03\x00\x80\x03", 5);
  ck_assert_ptr_nonnull(type);
  type[4] = 0x04;
  ck_assert(!read_it(11, known->enctype));
}
END_TEST

START_TEST(authenticator_read_delegation_and_dce_style_are_left_to_gssapi)
{
  make(REALM, "alice");
  *checksum_flags() |= 1;
  ck_assert(read_it(11, known->enctype));
  ck_assert(!read_one.plain);
  make(REALM, "alice");
  checksum_flags()[1] |= 0x10;
  ck_assert(read_it(11, known->enctype));
  ck_assert(!read_one.plain);
}
END_TEST

START_TEST(authenticator_read_bindings_of_another_length_are_refused)
{
  make(REALM, "alice");
  *(checksum_flags() - 20) = 17;
  ck_assert(!read_it(11, known->enctype));
}
END_TEST

static bool timely(int64_t ctime, int64_t start, int64_t end, int64_t now)
{
  static struct known_ticket t;
  struct authenticator a = {.ctime = ctime};
  t.info.start_time_s = start;
  t.info.end_time_s = end;
  return authenticator_is_timely(&t, &a, now);
}

START_TEST(authenticator_is_timely_within_five_minutes)
{
  ck_assert(timely(1000, 0, 9000, 1000));
  ck_assert(timely(700, 0, 9000, 1000));
  ck_assert(timely(1300, 0, 9000, 1000));
  ck_assert(!timely(699, 0, 9000, 1000));
  ck_assert(!timely(1301, 0, 9000, 1000));
}
END_TEST

START_TEST(authenticator_is_timely_within_the_tickets_life)
{
  ck_assert(timely(1000, 1300, 9000, 1000));
  ck_assert(!timely(1000, 1301, 9000, 1000));
  ck_assert(timely(9300, 0, 9000, 9300));
  ck_assert(!timely(9301, 0, 9000, 9301));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("authenticator");
  TCase *t = tcase_create("authenticator");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_add_test(t, authenticator_read_right_one_is_read);
  tcase_add_test(t, authenticator_read_other_client_is_refused);
  tcase_add_test(t, authenticator_read_other_realm_is_refused);
  tcase_add_test(t, authenticator_read_made_for_another_purpose_is_refused);
  tcase_add_test(t, authenticator_read_other_enctype_is_refused);
  tcase_add_test(t, authenticator_read_other_checksum_type_is_refused);
  tcase_add_test(t, authenticator_read_delegation_and_dce_style_are_left_to_gssapi);
  tcase_add_test(t, authenticator_read_bindings_of_another_length_are_refused);
  tcase_add_test(t, authenticator_is_timely_within_five_minutes);
  tcase_add_test(t, authenticator_is_timely_within_the_tickets_life);
  suite_add_tcase(s, t);
  return run(s);
}
