/* Tickets made here with the service's own key, so that their PAC says what a test wants, or is signed by
 * somebody else. */
#include "kdc_lab.h"
#include "krb_accept.h"

#include "clock.h"
#include "encode.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <string.h>

/* libkrb5 exports them for its KDC, and declares them in a private header. */
krb5_error_code krb5_encrypt_tkt_part(krb5_context ctx, const krb5_keyblock *key, krb5_ticket *ticket);
krb5_error_code encode_krb5_ticket(const krb5_ticket *ticket, krb5_data **ret);

#define SERVICE SPN("hello") "@" REALM

static struct kdc_lab l;
static struct krb_acceptor *acceptor;
static struct buf sent, reply;
static struct failure f;
static krb5_context ctx;

static void setup(void)
{
  kdc_lab_make(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

static void begin(void)
{
  const struct krb_acceptor_config c = {.keytab = kdc_lab_path(&l, "keytabs/backend.keytab")};
  buf_init(&sent, 65536);
  buf_init(&reply, 65536);
  ck_assert_msg(krb_acceptor_new(&c, &acceptor, &f) == ERR_OK, "%s", f.why);
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
}

static void end(void)
{
  krb5_free_context(ctx);
  krb_acceptor_free(acceptor);
  buf_clear(&sent);
  buf_clear(&reply);
}

/* -- tickets --------------------------------------------------------------------------------------------- */

/* The logon info of alice, of two groups in the domain and one elsewhere. */
static uint8_t logon_bytes[1024];

static size_t read_logon_bytes(void)
{
  FILE *in = fopen(SEVENSTEP_SOURCE_DIR "/tests/fuzz/corpus/fuzz_pac/logon", "re");
  ck_assert_ptr_nonnull(in);
  size_t n = fread(logon_bytes, 1, sizeof logon_bytes, in);
  fclose(in);
  return n;
}

/* The authorization data of a PAC with this logon info (n 0: none), signed by signer in the service's place.
 */
static krb5_authdata **sign_pac(krb5_principal client, krb5_timestamp now, const krb5_keyblock *signer,
                                size_t n)
{
  enum { LOGON_INFO = 1 };
  krb5_data logon = {.length = (unsigned)n, .data = (char *)logon_bytes}, bytes;
  krb5_authdata **list;
  krb5_pac pac;
  ck_assert_int_eq(krb5_pac_init(ctx, &pac), 0);
  if (n) ck_assert_int_eq(krb5_pac_add_buffer(ctx, pac, LOGON_INFO, &logon), 0);
  ck_assert_int_eq(krb5_pac_sign(ctx, pac, now, client, signer, signer, &bytes), 0);
  krb5_authdata one = {
      .ad_type = KRB5_AUTHDATA_WIN2K_PAC, .length = bytes.length, .contents = (krb5_octet *)bytes.data};
  krb5_authdata *const all[] = {&one, NULL};
  ck_assert_int_eq(krb5_encode_authdata_container(ctx, KRB5_AUTHDATA_IF_RELEVANT, all, &list), 0);
  krb5_free_data_contents(ctx, &bytes);
  krb5_pac_free(ctx, pac);
  return list;
}

/* Puts a ticket for alice into a cache of this name. forged: its PAC is signed by another key than the
 * service's. */
static void make_ticket(const char *cache, size_t n, bool forged)
{
  krb5_keytab keytab;
  krb5_keytab_entry entry;
  krb5_keyblock session, other;
  krb5_principal client, server;
  krb5_ccache cc;
  krb5_data *encoded;
  krb5_timestamp now = (krb5_timestamp)clock_wall_s();
  ck_assert_int_eq(krb5_kt_resolve(ctx, kdc_lab_path(&l, "keytabs/backend.keytab"), &keytab), 0);
  ck_assert_int_eq(krb5_parse_name(ctx, "alice@" REALM, &client), 0);
  ck_assert_int_eq(krb5_parse_name(ctx, SERVICE, &server), 0);
  ck_assert_int_eq(krb5_kt_get_entry(ctx, keytab, server, 0, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &entry), 0);
  ck_assert_int_eq(krb5_c_make_random_key(ctx, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &session), 0);
  ck_assert_int_eq(krb5_c_make_random_key(ctx, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &other), 0);
  krb5_enc_tkt_part part = {.flags = TKT_FLG_TRANSIT_POLICY_CHECKED,
                            .session = &session,
                            .client = client,
                            .transited = {.tr_type = KRB5_DOMAIN_X500_COMPRESS},
                            .times = {.authtime = now, .starttime = now, .endtime = now + 3600},
                            .authorization_data = sign_pac(client, now, forged ? &other : &entry.key, n)};
  krb5_ticket ticket = {.server = server, .enc_part = {.kvno = entry.vno}, .enc_part2 = &part};
  ck_assert_int_eq(krb5_encrypt_tkt_part(ctx, &entry.key, &ticket), 0);
  ticket.enc_part.kvno = entry.vno;
  ck_assert_int_eq(encode_krb5_ticket(&ticket, &encoded), 0);
  krb5_creds creds = {.client = client,
                      .server = server,
                      .keyblock = session,
                      .times = part.times,
                      .ticket_flags = part.flags,
                      .ticket = *encoded};
  ck_assert_int_eq(krb5_cc_resolve(ctx, cache, &cc), 0);
  ck_assert_int_eq(krb5_cc_initialize(ctx, cc, client), 0);
  ck_assert_int_eq(krb5_cc_store_cred(ctx, cc, &creds), 0);
  krb5_cc_close(ctx, cc);
  krb5_free_data(ctx, encoded);
  krb5_free_data_contents(ctx, &ticket.enc_part.ciphertext);
  krb5_free_authdata(ctx, part.authorization_data);
  krb5_free_keyblock_contents(ctx, &session);
  krb5_free_keyblock_contents(ctx, &other);
  krb5_free_keytab_entry_contents(ctx, &entry);
  krb5_free_principal(ctx, client);
  krb5_free_principal(ctx, server);
  krb5_kt_close(ctx, keytab);
}

/* One more token of the ticket in this cache, accepted. */
static void accept_from(const char *cache, struct krb_accepted *ret)
{
  static gss_OID_desc krb5 = {9, (void *)(uintptr_t) "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
  gss_key_value_element_desc element = {"ccache", cache};
  gss_key_value_set_desc store = {1, &element};
  gss_buffer_desc text = {sizeof SERVICE - 1, (void *)(uintptr_t)SERVICE}, out = GSS_C_EMPTY_BUFFER;
  gss_cred_id_t cred;
  gss_name_t target;
  gss_ctx_id_t gss = GSS_C_NO_CONTEXT;
  OM_uint32 minor;
  ck_assert_uint_eq(gss_import_name(&minor, &text, GSS_KRB5_NT_PRINCIPAL_NAME, &target), 0);
  OM_uint32 major =
      gss_acquire_cred_from(&minor, GSS_C_NO_NAME, 0, NULL, GSS_C_INITIATE, &store, &cred, NULL, NULL);
  ck_assert_msg(!GSS_ERROR(major), "%x %x", major, minor);
  major = gss_init_sec_context(&minor, cred, &gss, target, &krb5, GSS_C_MUTUAL_FLAG, 0, NULL, NULL, NULL,
                               &out, NULL, NULL);
  ck_assert_msg(!GSS_ERROR(major), "%x %x", major, minor);
  buf_reset(&sent);
  buf_reset(&reply);
  ck_assert_int_eq(buf_puts(&sent, "Negotiate "), ERR_OK);
  ck_assert_int_eq(base64_encode(&sent, out.value, out.length), ERR_OK);
  ck_assert_msg(krb_accept(acceptor, NULL, buf_str(&sent), sent.len, &reply, ret, &f) == ERR_OK, "%s", f.why);
  gss_release_buffer(&minor, &out);
  gss_release_name(&minor, &target);
  gss_release_cred(&minor, &cred);
  gss_delete_sec_context(&minor, &gss, NULL);
}

/* -- what is told of them -------------------------------------------------------------------------------- */

START_TEST(krb_accept_logon_info_of_a_signed_pac_is_told_each_time)
{
  struct krb_accepted first, next;
  make_ticket("MEMORY:right", read_logon_bytes(), false);
  accept_from("MEMORY:right", &first);
  accept_from("MEMORY:right", &next);
  ck_assert(!first.known_ticket);
  ck_assert(next.known_ticket);
  ck_assert_ptr_nonnull(first.logon);
  ck_assert_ptr_eq(first.logon, next.logon);
  krb_accepted_clear(&first);
  krb_acceptor_free(acceptor);
  acceptor = NULL; /* what was told outlives it */
  ck_assert_str_eq(next.logon->account, "alice");
  ck_assert_str_eq(next.logon->domain, "CORP");
  krb_accepted_clear(&next);
  ck_assert_ptr_null(next.logon);
}
END_TEST

START_TEST(krb_accept_logon_info_of_a_pac_signed_by_another_is_not_told)
{
  struct krb_accepted who;
  make_ticket("MEMORY:forged", read_logon_bytes(), true);
  accept_from("MEMORY:forged", &who);
  ck_assert_str_eq(who.client, "alice@" REALM);
  ck_assert_ptr_null(who.logon);
  krb_accepted_clear(&who);
}
END_TEST

START_TEST(krb_accept_malformed_logon_info_is_not_told)
{
  struct krb_accepted who;
  size_t n = read_logon_bytes();
  for (size_t cut = 1; cut < n; cut += 101) {
    make_ticket("MEMORY:cut", cut, false);
    accept_from("MEMORY:cut", &who);
    ck_assert_ptr_null(who.logon);
    krb_accepted_clear(&who);
  }
}
END_TEST

START_TEST(krb_accept_pac_without_logon_info_has_none)
{
  struct krb_accepted who;
  make_ticket("MEMORY:none", 0, false);
  accept_from("MEMORY:none", &who);
  ck_assert_ptr_null(who.logon);
  krb_accepted_clear(&who);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("logon");
  TCase *t = tcase_create("logon");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_add_checked_fixture(t, begin, end);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, krb_accept_logon_info_of_a_signed_pac_is_told_each_time);
  tcase_add_test(t, krb_accept_logon_info_of_a_pac_signed_by_another_is_not_told);
  tcase_add_test(t, krb_accept_malformed_logon_info_is_not_told);
  tcase_add_test(t, krb_accept_pac_without_logon_info_has_none);
  suite_add_tcase(s, t);
  return run(s);
}
