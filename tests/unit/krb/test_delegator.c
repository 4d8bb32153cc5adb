/* Steps 4 and 5 against a real KDC: what is obtained, and each refusal with its own error. */
#include "kdc_lab.h"

#include "clock.h"
#include "program.h"

#include <krb5.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct kdc_lab l;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

static struct krb_exchange x;
static struct failure f;

static enum err obtain(struct krb_delegator *d, const char *upn, const char *spn)
{
  struct krb_ticket *t = NULL;
  memset(&f, 0, sizeof f);
  enum err e = krb_obtain(d, upn, spn, &t, &x, NULL, &f);
  krb_ticket_unref(t);
  return e;
}

static enum err obtain_once(const char *upn, const char *spn)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  enum err e = obtain(d, upn, spn);
  krb_delegator_free(d);
  return e;
}

START_TEST(krb_obtain_alice_gets_a_ticket_for_the_application)
{
  struct krb_ticket *t = kdc_lab_ticket(&l);
  struct krb_ticket_info info, *i = &info;
  krb_ticket_describe(t, i);
  ck_assert_str_eq(i->client, "alice@CORP.TEST");
  ck_assert_str_eq(i->server, "HTTP/hello.corp.test@CORP.TEST");
  ck_assert_str_eq(i->enctype, "aes256-cts-hmac-sha1-96");
  ck_assert_str_eq(i->session_enctype, "aes256-cts-hmac-sha1-96");
  ck_assert_ptr_nonnull(strstr(i->flags, "forwardable"));
  ck_assert_int_eq(i->kvno, 1);
  ck_assert_int_gt(i->end_time_s, clock_wall_s() + 3600);
  ck_assert_int_le(i->auth_time_s, clock_wall_s() + 1);
  ck_assert_uint_gt(i->size, 100);
  krb_ticket_unref(t);
}
END_TEST

START_TEST(krb_obtain_tells_each_exchange)
{
  ck_assert_int_eq(obtain_once("alice@test", SPN("hello")), ERR_OK);
  ck_assert_int_gt(x.as_ns, 0);
  ck_assert_int_gt(x.s4u2self_ns, 0);
  ck_assert_int_gt(x.s4u2proxy_ns, 0);
  ck_assert(x.evidence_forwardable);
  ck_assert_str_eq(x.evidence.client, "alice@CORP.TEST");
  ck_assert_str_eq(x.evidence.server, "HTTP/connector-1.corp.test@CORP.TEST");
  ck_assert_str_eq(x.service.server, "HTTP/hello.corp.test@CORP.TEST");
  ck_assert_int_eq(x.krb5_code, 0);
}
END_TEST

START_TEST(krb_obtain_second_time_needs_no_as_exchange)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  ck_assert_int_eq(obtain(d, "bob@test", SPN("ledger")), ERR_OK);
  ck_assert_int_eq(x.as_ns, 0);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_obtain_unknown_user_is_refused)
{
  ck_assert_int_eq(obtain_once("nobody@test", SPN("hello")), ERR_KRB_USER_UNKNOWN);
  ck_assert_int_eq(x.krb5_code, -1765328378);
}
END_TEST

START_TEST(krb_obtain_disabled_user_is_refused)
{
  ck_assert_int_eq(obtain_once("carol@test", SPN("hello")), ERR_KRB_USER_REVOKED);
}
END_TEST

START_TEST(krb_obtain_expired_user_is_refused)
{
  kdc_lab_admin("modprinc -expire yesterday bob");
  ck_assert_int_eq(obtain_once("bob@test", SPN("hello")), ERR_KRB_USER_EXPIRED);
  kdc_lab_admin("modprinc -expire never bob");
}
END_TEST

START_TEST(krb_obtain_sensitive_user_is_refused)
{
  ck_assert_int_eq(obtain_once("dave@test", SPN("hello")), ERR_KRB_NOT_FORWARDABLE);
  ck_assert(!x.evidence_forwardable);
  ck_assert_str_eq(x.evidence.client, "dave@CORP.TEST");
}
END_TEST

START_TEST(krb_obtain_connector_without_protocol_transition_is_refused)
{
  kdc_lab_admin("modprinc -ok_to_auth_as_delegate " SPN("connector-1"));
  ck_assert_int_eq(obtain_once("alice@test", SPN("hello")), ERR_KRB_NOT_FORWARDABLE);
  kdc_lab_provision(&l);
}
END_TEST

START_TEST(krb_obtain_target_not_allowed_is_refused)
{
  ck_assert_int_eq(obtain_once("alice@test", SPN("vault")), ERR_KRB_NOT_ALLOWED_TO_DELEGATE);
  ck_assert(x.evidence_forwardable);
}
END_TEST

/* connector-2 has neither a list of its own nor protocol transition. */
static enum err obtain_by_second(const char *upn, const char *spn)
{
  struct krb_delegator_config c = {.keytab = kdc_lab_path(&l, "keytabs/connector-2.keytab"),
                                   .principal = SPN("connector-2"),
                                   .realm = REALM,
                                   .upn_suffix = UPN_SUFFIX};
  struct krb_delegator *d;
  ck_assert_int_eq(krb_delegator_new(&c, &d, &f), ERR_OK);
  enum err e = obtain(d, upn, spn);
  krb_delegator_free(d);
  return e;
}

START_TEST(krb_obtain_application_that_allows_the_connector_needs_no_protocol_transition)
{
  ck_assert_msg(obtain_by_second("alice@test", SPN("shared")) == ERR_OK, "%s", f.why);
  ck_assert(x.evidence_forwardable); /* MS-SFU 3.2.5.1.2: without a list of its own it is */
  ck_assert_str_eq(x.service.client, "alice@CORP.TEST");
}
END_TEST

/* A list of its own makes the evidence not forwardable, and that is asked for first, whoever permits. */
START_TEST(krb_obtain_list_without_protocol_transition_is_refused_everywhere)
{
  kdc_lab_admin("setstr " SPN("connector-2") " allowed_to_delegate_to " SPN("ledger"));
  ck_assert_int_eq(obtain_by_second("alice@test", SPN("ledger")), ERR_KRB_NOT_FORWARDABLE);
  ck_assert_int_eq(obtain_by_second("alice@test", SPN("shared")), ERR_KRB_NOT_FORWARDABLE);
  kdc_lab_admin("delstr " SPN("connector-2") " allowed_to_delegate_to");
}
END_TEST

START_TEST(krb_obtain_application_that_allows_another_connector_is_refused)
{
  ck_assert_int_eq(obtain_once("alice@test", SPN("shared")), ERR_KRB_NOT_ALLOWED_TO_DELEGATE);
  ck_assert_int_eq(obtain_by_second("alice@test", SPN("hello")), ERR_KRB_NOT_ALLOWED_TO_DELEGATE);
}
END_TEST

START_TEST(krb_obtain_sensitive_user_is_refused_whatever_the_application_allows)
{
  ck_assert_int_eq(obtain_by_second("dave@test", SPN("shared")), ERR_KRB_NOT_FORWARDABLE);
}
END_TEST

START_TEST(krb_obtain_user_locked_by_wrong_passwords_is_refused)
{
  kdc_lab_admin("addpol -maxfailure 1 -failurecountinterval 0 -lockoutduration 0 one-try");
  kdc_lab_admin("modprinc -policy one-try bob");
  const char *const argv[] = {"kinit", "bob@" REALM, NULL};
  struct program_output out;
  ck_assert_int_eq(program_run(argv, "wrong-password\n", &out, &f), ERR_OK);
  ck_assert_int_eq(obtain_once("bob@test", SPN("hello")), ERR_KRB_USER_REVOKED);
  kdc_lab_admin("modprinc -unlock -clearpolicy bob");
  ck_assert_int_eq(obtain_once("bob@test", SPN("hello")), ERR_OK);
}
END_TEST

START_TEST(krb_obtain_unknown_target_is_refused)
{
  ck_assert_int_eq(obtain_once("alice@test", SPN("nowhere")), ERR_KRB_SPN_UNKNOWN);
}
END_TEST

START_TEST(krb_map_user_each_kind_of_name_gives_the_principal)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  char user[KRB_USER_MAX];
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_UPN, "alice@test", user, NULL), ERR_OK);
  ck_assert_str_eq(user, "alice@CORP.TEST");
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_UPN, "alice@corp.test", user, NULL), ERR_OK);
  ck_assert_str_eq(user, "alice@CORP.TEST");
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_UPN_USERNAME, "bob@elsewhere.example", user, NULL), ERR_OK);
  ck_assert_str_eq(user, "bob@CORP.TEST");
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_ACCOUNT, "bob", user, NULL), ERR_OK);
  ck_assert_str_eq(user, "bob@CORP.TEST");
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_map_user_name_of_another_kind_is_refused)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  char user[KRB_USER_MAX];
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_UPN, "alice@elsewhere.example", user, NULL),
                   ERR_KRB_NAME_MALFORMED);
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_UPN, "alice", user, NULL), ERR_KRB_NAME_MALFORMED);
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_UPN_USERNAME, "alice", user, NULL), ERR_KRB_NAME_MALFORMED);
  ck_assert_int_eq(krb_map_user(d, KRB_LOGIN_ACCOUNT, "alice@test", user, NULL), ERR_KRB_NAME_MALFORMED);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_obtain_malformed_upn_never_reaches_the_kdc)
{
  ck_assert_int_eq(obtain_once("alice\\@x@test", SPN("hello")), ERR_KRB_NAME_MALFORMED);
  ck_assert_int_eq(x.as_ns, 0);
  ck_assert_int_eq(x.s4u2self_ns, 0);
}
END_TEST

static enum err obtain_with_keytab(const char *keytab, const char *principal)
{
  struct krb_delegator_config c = {
      .keytab = keytab, .principal = principal, .realm = REALM, .upn_suffix = UPN_SUFFIX};
  struct krb_delegator *d;
  ck_assert_int_eq(krb_delegator_new(&c, &d, &f), ERR_OK);
  enum err e = obtain(d, "alice@test", SPN("hello"));
  krb_delegator_free(d);
  return e;
}

START_TEST(krb_obtain_missing_keytab_is_the_connectors_fault)
{
  ck_assert_int_eq(obtain_with_keytab("/nonexistent", SPN("connector-1")), ERR_KRB_CONNECTOR_CREDENTIAL);
}
END_TEST

START_TEST(krb_obtain_keytab_of_another_is_the_connectors_fault)
{
  ck_assert_int_eq(obtain_with_keytab(kdc_lab_path(&l, "keytabs/connector-2.keytab"), SPN("connector-1")),
                   ERR_KRB_CONNECTOR_CREDENTIAL);
}
END_TEST

START_TEST(krb_obtain_old_key_is_the_connectors_fault)
{
  kdc_lab_admin("cpw -randkey " SPN("connector-1"));
  ck_assert_int_eq(obtain_once("alice@test", SPN("hello")), ERR_KRB_CONNECTOR_CREDENTIAL);
  kdc_lab_provision(&l);
  ck_assert_int_eq(obtain_once("alice@test", SPN("hello")), ERR_OK);
}
END_TEST

START_TEST(krb_delegator_reload_new_key_is_used_from_then_on)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  ck_assert_msg(krb_delegator_reload(d, &f) == ERR_OK, "%s", f.why);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  ck_assert_int_eq(x.as_ns, 0); /* the reload has done that */
  krb_delegator_free(d);
}
END_TEST

/* Whoever kept what was said before is gone. */
START_TEST(krb_delegator_reload_is_kept_for_no_earlier_call)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  struct krb_wire *wire = calloc(1, sizeof *wire);
  struct krb_ticket *t;
  ck_assert_ptr_nonnull(wire);
  ck_assert_int_eq(krb_obtain(d, "alice@test", SPN("hello"), &t, &x, wire, &f), ERR_OK);
  krb_ticket_unref(t);
  size_t said = wire->n;
  ck_assert_int_eq(krb_delegator_reload(d, &f), ERR_OK);
  ck_assert_uint_eq(wire->n, said);
  krb_wire_clear(wire);
  free(wire);
  ck_assert_int_eq(krb_delegator_reload(d, &f), ERR_OK);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_delegator_reload_key_that_is_refused_leaves_the_one_in_use)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  kdc_lab_admin("cpw -randkey " SPN("connector-1"));
  ck_assert_int_eq(krb_delegator_reload(d, &f), ERR_KRB_CONNECTOR_CREDENTIAL);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  ck_assert_int_eq(x.as_ns, 0);
  kdc_lab_provision(&l);
  ck_assert_int_eq(krb_delegator_reload(d, &f), ERR_OK);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_delegator_check_asks_the_kdc_and_leaves_all_as_it_is)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  ck_assert_msg(krb_delegator_check(d, &f) == ERR_OK, "%s", f.why);
  kdc_lab_admin("cpw -randkey " SPN("connector-1"));
  ck_assert_int_eq(krb_delegator_check(d, &f), ERR_KRB_CONNECTOR_CREDENTIAL);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  ck_assert_int_eq(x.as_ns, 0);
  kdc_lab_provision(&l);
  ck_assert_int_eq(krb_delegator_check(d, &f), ERR_OK);
  krb_delegator_free(d);
}
END_TEST

/* A key of the connector's that the KDC does not know, newer than the one that it knows. */
static void add_coming_key(const char *path)
{
  char name[256];
  krb5_context ctx;
  krb5_keytab kt;
  krb5_keytab_entry entry = {.vno = 100};
  snprintf(name, sizeof name, "WRFILE:%s", path);
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(krb5_kt_resolve(ctx, name, &kt), 0);
  ck_assert_int_eq(krb5_parse_name(ctx, SPN("connector-1"), &entry.principal), 0);
  ck_assert_int_eq(krb5_c_make_random_key(ctx, ENCTYPE_AES256_CTS_HMAC_SHA1_96, &entry.key), 0);
  ck_assert_int_eq(krb5_kt_add_entry(ctx, kt, &entry), 0);
  krb5_free_keytab_entry_contents(ctx, &entry);
  krb5_kt_close(ctx, kt);
  krb5_free_context(ctx);
}

START_TEST(krb_obtain_key_ahead_of_the_kdc_uses_the_one_before)
{
  add_coming_key(kdc_lab_path(&l, "keytabs/connector-1.keytab"));
  ck_assert_msg(obtain_once("alice@test", SPN("hello")) == ERR_OK, "%s", f.why);
  kdc_lab_provision(&l); /* takes it out again */
}
END_TEST

START_TEST(krb_obtain_no_key_is_right_tells_of_the_newest)
{
  kdc_lab_admin("cpw -randkey " SPN("connector-1"));
  add_coming_key(kdc_lab_path(&l, "keytabs/connector-1.keytab"));
  ck_assert_int_eq(obtain_once("alice@test", SPN("hello")), ERR_KRB_CONNECTOR_CREDENTIAL);
  kdc_lab_provision(&l);
}
END_TEST

START_TEST(krb_delegator_new_without_principal_is_refused)
{
  struct krb_delegator_config c = {.keytab = "k", .principal = "", .realm = REALM, .upn_suffix = UPN_SUFFIX};
  struct krb_delegator *d;
  ck_assert_int_eq(krb_delegator_new(&c, &d, NULL), ERR_CONFIG);
}
END_TEST

/* -- a KDC that comes and goes --------------------------------------------------------------------------- */

START_TEST(krb_obtain_kdc_without_its_database_has_failed_and_then_works_again)
{
  ck_assert_int_eq(rename(kdc_lab_path(&l, "kdc/principal"), kdc_lab_path(&l, "kdc/away")), 0);
  ck_assert_int_eq(obtain_once("alice@test", SPN("hello")), ERR_KDC_FAILED);
  ck_assert_int_eq(rename(kdc_lab_path(&l, "kdc/away"), kdc_lab_path(&l, "kdc/principal")), 0);
  ck_assert_msg(obtain_once("alice@test", SPN("hello")) == ERR_OK, "%s", f.why);
}
END_TEST

START_TEST(krb_obtain_stopped_kdc_is_unreachable_at_once_and_then_works_again)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  kdc_lab_stop(&l);
  int64_t start = clock_mono_ns();
  ck_assert_int_eq(obtain(d, "bob@test", SPN("hello")), ERR_KDC_UNREACHABLE);
  ck_assert_int_lt(clock_mono_ns() - start, 1000000000);
  kdc_lab_start(&l);
  ck_assert_int_eq(obtain(d, "bob@test", SPN("hello")), ERR_OK);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_obtain_silent_kdc_times_out_within_five_seconds)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  kill(l.kdc, SIGSTOP);
  int64_t start = clock_mono_ns();
  ck_assert_int_eq(obtain(d, "bob@test", SPN("hello")), ERR_KDC_TIMEOUT);
  ck_assert_int_lt(clock_mono_ns() - start, 5000000000);
  kill(l.kdc, SIGCONT);
  ck_assert_int_eq(obtain(d, "bob@test", SPN("hello")), ERR_OK);
  krb_delegator_free(d);
}
END_TEST

START_TEST(krb_obtain_realm_made_anew_is_noticed_and_works)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  ck_assert_int_eq(obtain(d, "alice@test", SPN("hello")), ERR_OK);
  kdc_lab_stop(&l);
  unlink(kdc_lab_path(&l, "kdc/complete"));
  kdc_lab_provision(&l);
  kdc_lab_start(&l);
  ck_assert_msg(obtain(d, "alice@test", SPN("hello")) == ERR_OK, "%s", f.why);
  ck_assert_int_gt(x.as_ns, 0);
  krb_delegator_free(d);
}
END_TEST

/* -- many at once ---------------------------------------------------------------------------------------- */

static void *obtain_many(void *d)
{
  for (int i = 0; i < 20; i++) {
    struct krb_exchange mine;
    struct krb_ticket *t = NULL;
    if (krb_obtain(d, i % 2 ? "alice@test" : "bob@test", SPN("hello"), &t, &mine, NULL, NULL)) return d;
    struct krb_ticket_info info;
    krb_ticket_describe(t, &info);
    bool right = strcmp(info.client, i % 2 ? "alice@CORP.TEST" : "bob@CORP.TEST") == 0;
    krb_ticket_unref(t);
    if (!right) return d;
  }
  return NULL;
}

START_TEST(krb_obtain_many_threads_get_their_own)
{
  struct krb_delegator *d = kdc_lab_delegator(&l);
  pthread_t threads[8];
  for (int i = 0; i < 8; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, obtain_many, d), 0);
  for (int i = 0; i < 8; i++) {
    void *failed;
    pthread_join(threads[i], &failed);
    ck_assert_ptr_null(failed);
  }
  krb_delegator_free(d);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("delegator");
  TCase *t = tcase_create("delegator");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, krb_obtain_alice_gets_a_ticket_for_the_application);
  tcase_add_test(t, krb_obtain_tells_each_exchange);
  tcase_add_test(t, krb_obtain_second_time_needs_no_as_exchange);
  tcase_add_test(t, krb_obtain_unknown_user_is_refused);
  tcase_add_test(t, krb_obtain_disabled_user_is_refused);
  tcase_add_test(t, krb_obtain_expired_user_is_refused);
  tcase_add_test(t, krb_obtain_sensitive_user_is_refused);
  tcase_add_test(t, krb_obtain_connector_without_protocol_transition_is_refused);
  tcase_add_test(t, krb_obtain_target_not_allowed_is_refused);
  tcase_add_test(t, krb_obtain_application_that_allows_the_connector_needs_no_protocol_transition);
  tcase_add_test(t, krb_obtain_list_without_protocol_transition_is_refused_everywhere);
  tcase_add_test(t, krb_obtain_application_that_allows_another_connector_is_refused);
  tcase_add_test(t, krb_obtain_sensitive_user_is_refused_whatever_the_application_allows);
  tcase_add_test(t, krb_obtain_user_locked_by_wrong_passwords_is_refused);
  tcase_add_test(t, krb_obtain_unknown_target_is_refused);
  tcase_add_test(t, krb_map_user_each_kind_of_name_gives_the_principal);
  tcase_add_test(t, krb_map_user_name_of_another_kind_is_refused);
  tcase_add_test(t, krb_obtain_malformed_upn_never_reaches_the_kdc);
  tcase_add_test(t, krb_obtain_missing_keytab_is_the_connectors_fault);
  tcase_add_test(t, krb_obtain_keytab_of_another_is_the_connectors_fault);
  tcase_add_test(t, krb_delegator_reload_new_key_is_used_from_then_on);
  tcase_add_test(t, krb_delegator_reload_is_kept_for_no_earlier_call);
  tcase_add_test(t, krb_delegator_reload_key_that_is_refused_leaves_the_one_in_use);
  tcase_add_test(t, krb_delegator_check_asks_the_kdc_and_leaves_all_as_it_is);
  tcase_add_test(t, krb_obtain_old_key_is_the_connectors_fault);
  tcase_add_test(t, krb_obtain_key_ahead_of_the_kdc_uses_the_one_before);
  tcase_add_test(t, krb_obtain_no_key_is_right_tells_of_the_newest);
  tcase_add_test(t, krb_delegator_new_without_principal_is_refused);
  tcase_add_test(t, krb_obtain_many_threads_get_their_own);
  suite_add_tcase(s, t);
  TCase *coming = tcase_create("a KDC that comes and goes");
  tcase_add_checked_fixture(coming, setup, teardown);
  tcase_set_timeout(coming, 30);
  tcase_add_test(coming, krb_obtain_kdc_without_its_database_has_failed_and_then_works_again);
  tcase_add_test(coming, krb_obtain_stopped_kdc_is_unreachable_at_once_and_then_works_again);
  tcase_add_test(coming, krb_obtain_silent_kdc_times_out_within_five_seconds);
  tcase_add_test(coming, krb_obtain_realm_made_anew_is_noticed_and_works);
  suite_add_tcase(s, coming);
  return run(s);
}
