/* Tokens taken apart and put together without any key; the cryptography around them is tested with a real KDC
 * in krb and krb_accept. */
#include "spnego.h"

#include "run.h"

#include <string.h>

static uint8_t store[2048];
static const char cipher[] = "0123456789abcdef0123456789abcdef";

/* A NegTokenResp in which the fields are as the test wants them. */
struct response {
  int state;        /* -1: absent */
  const char *mech; /* NULL: absent */
  size_t mech_len;
  const char *token_id;
  int enctype, pvno, type;
  bool mic, extra;
};
#define KRB5 "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"
static const struct response right = {
    .state = 0, .mech = KRB5, .mech_len = 9, .token_id = "\x02\x00", .enctype = 18, .pvno = 5, .type = 15};

static void put_token(struct der_writer *w, const struct response *r)
{
  der_put_field(w, 2, DER_OCTET_STRING, cipher, sizeof cipher - 1);
  der_put_int_field(w, 0, r->enctype);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_CONTEXT(2), 0);
  der_put_int_field(w, 1, r->type);
  der_put_int_field(w, 0, r->pvno);
  der_wrap(w, DER_SEQUENCE, 0);
  der_wrap(w, DER_APPLICATION(15), 0);
  der_put(w, r->token_id, 2);
  der_put_element(w, DER_OID, KRB5, 9);
  der_wrap(w, DER_APPLICATION(0), 0);
  der_wrap(w, DER_OCTET_STRING, 0);
  der_wrap(w, DER_CONTEXT(2), 0);
}

static struct der_writer make(const struct response *r)
{
  struct der_writer w, inner;
  static uint8_t token[1024];
  der_writer_init(&inner, token, sizeof token);
  if (r->token_id) put_token(&inner, r);
  der_writer_init(&w, store, sizeof store);
  if (r->extra) der_put_field(&w, 4, DER_OCTET_STRING, "x", 1);
  if (r->mic) der_put_field(&w, 3, DER_OCTET_STRING, "mic", 3);
  der_put(&w, inner.at, der_written(&inner));
  if (r->mech) der_put_field(&w, 1, DER_OID, r->mech, r->mech_len);
  if (r->state >= 0) {
    uint8_t state = (uint8_t)r->state;
    der_put_field(&w, 0, DER_ENUMERATED, &state, 1);
  }
  der_wrap(&w, DER_SEQUENCE, 0);
  der_wrap(&w, DER_CONTEXT(1), 0);
  ck_assert(!w.overflow);
  return w;
}

static const char *parse(const struct response *r, struct spnego_reply *ret)
{
  struct der_writer w = make(r);
  int code = 0;
  return spnego_parse_reply(w.at, der_written(&w), ret, &code);
}

static void assert_refused(const struct response *r, const char *why)
{
  struct spnego_reply reply;
  const char *said = parse(r, &reply);
  ck_assert_msg(said && strstr(said, why), "said: %s", said ? said : "accepted");
}

START_TEST(spnego_parse_reply_right_one_is_taken_apart)
{
  struct spnego_reply reply;
  ck_assert_ptr_null(parse(&right, &reply));
  ck_assert_int_eq(reply.enctype, 18);
  ck_assert(der_equals(&reply.cipher, cipher, sizeof cipher - 1));
  ck_assert_uint_eq(der_left(&reply.mic), 0);
}
END_TEST

START_TEST(spnego_parse_reply_with_mic_gives_it)
{
  struct response r = right;
  struct spnego_reply reply;
  r.mic = true;
  ck_assert_ptr_null(parse(&r, &reply));
  ck_assert(der_equals(&reply.mic, "mic", 3));
}
END_TEST

START_TEST(spnego_parse_reply_rejected_is_refused)
{
  struct response r = right;
  r.state = 2;
  assert_refused(&r, "rejects");
}
END_TEST

START_TEST(spnego_parse_reply_incomplete_is_refused)
{
  struct response r = right;
  r.state = 1;
  assert_refused(&r, "not completed");
}
END_TEST

START_TEST(spnego_parse_reply_without_state_is_refused)
{
  struct response r = right;
  r.state = -1;
  assert_refused(&r, "no negotiation state");
}
END_TEST

START_TEST(spnego_parse_reply_other_mechanism_is_refused)
{
  struct response r = right;
  r.mech = "\x2b\x06\x01";
  r.mech_len = 3;
  assert_refused(&r, "not offered");
}
END_TEST

START_TEST(spnego_parse_reply_without_token_is_refused)
{
  struct response r = right;
  r.token_id = NULL;
  assert_refused(&r, "no Kerberos reply");
}
END_TEST

START_TEST(spnego_parse_reply_token_that_is_no_ap_rep_is_refused)
{
  struct response r = right;
  r.token_id = "\x01\x00";
  assert_refused(&r, "not an AP-REP");
}
END_TEST

START_TEST(spnego_parse_reply_wrong_version_or_type_is_refused)
{
  struct response r = right;
  r.pvno = 4;
  assert_refused(&r, "AP-REP is malformed");
  r = right;
  r.type = 14;
  assert_refused(&r, "AP-REP is malformed");
}
END_TEST

START_TEST(spnego_parse_reply_unknown_field_is_refused)
{
  struct response r = right;
  r.extra = true;
  assert_refused(&r, "follows");
}
END_TEST

START_TEST(spnego_parse_reply_cut_anywhere_is_refused)
{
  struct der_writer w = make(&right);
  struct spnego_reply reply;
  int code;
  for (size_t n = 0; n < der_written(&w); n++)
    ck_assert_ptr_nonnull(spnego_parse_reply(w.at, n, &reply, &code));
}
END_TEST

START_TEST(spnego_parse_reply_byte_behind_it_is_refused)
{
  struct der_writer w = make(&right);
  struct spnego_reply reply;
  uint8_t longer[2048];
  int code;
  size_t n = der_written(&w);
  memcpy(longer, w.at, n);
  longer[n] = 0;
  ck_assert_ptr_nonnull(spnego_parse_reply(longer, n + 1, &reply, &code));
}
END_TEST

/* -- what we write, we read ------------------------------------------------------------------------------ */

static const char ticket[] = {0x61, 0x03, 0x02, 0x01, 0x05};

static size_t write_request(uint8_t *out, size_t size)
{
  struct der_writer w;
  der_writer_init(&w, out, size);
  spnego_write_init(&w, ticket, sizeof ticket, 18, sizeof cipher - 1);
  ck_assert(!w.overflow);
  size_t head = der_written(&w);
  memmove(out, w.at, head);
  memcpy(out + head, cipher, sizeof cipher - 1);
  return head + sizeof cipher - 1;
}

START_TEST(spnego_parse_request_reads_what_write_init_wrote)
{
  uint8_t token[512];
  struct spnego_request r;
  size_t n = write_request(token, sizeof token);
  ck_assert_ptr_null(spnego_parse_request(token, n, &r));
  ck_assert(r.first && r.mutual && !r.raw);
  ck_assert_int_eq(r.enctype, 18);
  ck_assert(der_equals(&r.cipher, cipher, sizeof cipher - 1));
}
END_TEST

START_TEST(spnego_parse_request_cut_anywhere_is_refused)
{
  uint8_t token[512];
  struct spnego_request r;
  size_t n = write_request(token, sizeof token);
  for (size_t i = 0; i < n; i++)
    ck_assert_ptr_nonnull(spnego_parse_request(token, i, &r));
}
END_TEST

START_TEST(spnego_write_init_without_room_overflows)
{
  uint8_t small[64];
  struct der_writer w;
  der_writer_init(&w, small, sizeof small);
  spnego_write_init(&w, ticket, sizeof ticket, 18, 32);
  ck_assert(w.overflow);
  der_writer_init(&w, small, sizeof small);
  spnego_write_init(&w, ticket, sizeof ticket, 18, 100);
  ck_assert(w.overflow);
}
END_TEST

static const struct spnego_name alice = {
    .type = 1, .realm = "R.TEST", .realm_len = 6, .count = 1, .component = {{"alice", 5}}};

START_TEST(spnego_stamp_puts_time_and_number_in_place)
{
  struct spnego_form form;
  struct spnego_authenticated back;
  uint8_t made[SPNEGO_AUTHENTICATOR_MAX], plain[SPNEGO_AUTHENTICATOR_MAX];
  ck_assert(spnego_authenticator_init(made, &form, &alice));
  spnego_stamp(made, &form, plain, 1795473115, 32768, 0x3fffffff, NULL);
  ck_assert(spnego_parse_authenticator(plain, form.len, &back));
  ck_assert_int_eq(back.ctime, 1795473115);
  ck_assert_uint_eq(back.cusec, 32768);
  ck_assert(der_equals(&back.realm, "R.TEST", 6));
  ck_assert(der_equals(&back.names,
                       "\x1b\x05"
                       "alice",
                       7));
  ck_assert_int_eq(back.checksum_type, 0x8003);
  ck_assert_uint_eq(der_left(&back.checksum), 24);
  ck_assert(!back.has_authdata);
  spnego_stamp(made, &form, plain, 951782400, 999999, 0x20000000, NULL); /* 2000-02-29 */
  ck_assert(spnego_parse_authenticator(plain, form.len, &back));
  ck_assert_int_eq(back.ctime, 951782400);
  ck_assert_uint_eq(back.cusec, 999999);
}
END_TEST

START_TEST(spnego_stamp_puts_bindings_between_their_length_and_the_flags)
{
  struct spnego_form form;
  struct spnego_authenticated back;
  uint8_t made[SPNEGO_AUTHENTICATOR_MAX], plain[SPNEGO_AUTHENTICATOR_MAX];
  ck_assert(spnego_authenticator_init(made, &form, &alice));
  spnego_stamp(made, &form, plain, 1795473115, 32768, 0x3fffffff, (const uint8_t *)"0123456789abcdef");
  ck_assert(spnego_parse_authenticator(plain, form.len, &back));
  ck_assert(der_equals(&back.checksum,
                       "\x10\0\0\0"
                       "0123456789abcdef"
                       "\x22\0\0\0",
                       24));
}
END_TEST

START_TEST(spnego_write_bindings_without_addresses)
{
  uint8_t out[SPNEGO_BINDINGS_MAX];
  static const uint8_t none[SPNEGO_BINDINGS_DATA];
  ck_assert_uint_eq(spnego_write_bindings(out, "hash", 4), 45);
  ck_assert_mem_eq(out, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x19\0\0\0tls-server-end-point:hash", 45);
  ck_assert_uint_eq(spnego_write_bindings(out, NULL, 0), SPNEGO_BINDINGS_DATA);
  ck_assert_mem_eq(out, none, sizeof none);
}
END_TEST

START_TEST(spnego_authenticator_init_name_too_long_is_refused)
{
  static char long_name[1100];
  struct spnego_form form;
  uint8_t made[SPNEGO_AUTHENTICATOR_MAX];
  struct spnego_name name = alice;
  memset(long_name, 'x', sizeof long_name);
  name.component[0].data = long_name;
  name.component[0].len = sizeof long_name;
  ck_assert(!spnego_authenticator_init(made, &form, &name));
}
END_TEST

START_TEST(spnego_write_ap_rep_part_reads_back)
{
  uint8_t part[128];
  struct der_writer w;
  struct spnego_ap_rep rep;
  der_writer_init(&w, part, sizeof part);
  spnego_write_ap_rep_part(&w, 1795473115, 5, 77);
  ck_assert(spnego_parse_ap_rep(w.at, der_written(&w), &rep));
  ck_assert_int_eq(rep.ctime, 1795473115);
  ck_assert_uint_eq(rep.cusec, 5);
  ck_assert_int_eq(rep.subkey_type, 0);
  ck_assert(!spnego_parse_ap_rep(w.at, der_written(&w) - 1, &rep));
}
END_TEST

START_TEST(spnego_write_reply_reads_back)
{
  uint8_t token[512];
  struct der_writer w;
  struct spnego_reply reply;
  int code;
  der_writer_init(&w, token, sizeof token);
  spnego_write_reply(&w, false, 17, cipher, sizeof cipher - 1);
  ck_assert_ptr_null(spnego_parse_reply(w.at, der_written(&w), &reply, &code));
  ck_assert_int_eq(reply.enctype, 17);
  ck_assert(der_equals(&reply.cipher, cipher, sizeof cipher - 1));
}
END_TEST

/* -- times and errors ------------------------------------------------------------------------------------ */

static bool parse_time(const char *text, int64_t *ret)
{
  struct der d = der_of(text, strlen(text));
  return spnego_parse_time(&d, ret);
}

START_TEST(spnego_parse_time_only_the_kerberos_form)
{
  int64_t t;
  ck_assert(parse_time("20261123223155Z", &t) && t == 1795473115);
  ck_assert(!parse_time("20261123223155", &t));
  ck_assert(!parse_time("20261123223155.5Z", &t));
  ck_assert(!parse_time("20261323223155Z", &t));
  ck_assert(!parse_time("2026112322315xZ", &t));
  ck_assert(!parse_time("19691231235959Z", &t));
}
END_TEST

START_TEST(spnego_krb_error_gives_the_code)
{
  uint8_t bytes[128];
  struct der_writer w;
  der_writer_init(&w, bytes, sizeof bytes);
  der_put_field(&w, 9, DER_GENERAL_STRING, "R", 1);
  der_put_int_field(&w, 6, 52);
  der_put_int_field(&w, 5, 0);
  der_put_field(&w, 4, DER_GENERALIZED_TIME, "20261123223155Z", 15);
  der_put_int_field(&w, 1, 30);
  der_put_int_field(&w, 0, 5);
  der_wrap(&w, DER_SEQUENCE, 0);
  der_wrap(&w, DER_APPLICATION(30), 0);
  ck_assert_int_eq(spnego_krb_error(w.at, der_written(&w)), 52);
  ck_assert_int_eq(spnego_krb_error(w.at, der_written(&w) - 1), -1);
  ck_assert_int_eq(spnego_krb_error("", 0), -1);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("spnego");
  TCase *t = tcase_create("spnego");
  tcase_add_test(t, spnego_parse_reply_right_one_is_taken_apart);
  tcase_add_test(t, spnego_parse_reply_with_mic_gives_it);
  tcase_add_test(t, spnego_parse_reply_rejected_is_refused);
  tcase_add_test(t, spnego_parse_reply_incomplete_is_refused);
  tcase_add_test(t, spnego_parse_reply_without_state_is_refused);
  tcase_add_test(t, spnego_parse_reply_other_mechanism_is_refused);
  tcase_add_test(t, spnego_parse_reply_without_token_is_refused);
  tcase_add_test(t, spnego_parse_reply_token_that_is_no_ap_rep_is_refused);
  tcase_add_test(t, spnego_parse_reply_wrong_version_or_type_is_refused);
  tcase_add_test(t, spnego_parse_reply_unknown_field_is_refused);
  tcase_add_test(t, spnego_parse_reply_cut_anywhere_is_refused);
  tcase_add_test(t, spnego_parse_reply_byte_behind_it_is_refused);
  tcase_add_test(t, spnego_parse_request_reads_what_write_init_wrote);
  tcase_add_test(t, spnego_parse_request_cut_anywhere_is_refused);
  tcase_add_test(t, spnego_write_init_without_room_overflows);
  tcase_add_test(t, spnego_stamp_puts_time_and_number_in_place);
  tcase_add_test(t, spnego_stamp_puts_bindings_between_their_length_and_the_flags);
  tcase_add_test(t, spnego_write_bindings_without_addresses);
  tcase_add_test(t, spnego_authenticator_init_name_too_long_is_refused);
  tcase_add_test(t, spnego_write_ap_rep_part_reads_back);
  tcase_add_test(t, spnego_write_reply_reads_back);
  tcase_add_test(t, spnego_parse_time_only_the_kerberos_form);
  tcase_add_test(t, spnego_krb_error_gives_the_code);
  suite_add_tcase(s, t);
  return run(s);
}
