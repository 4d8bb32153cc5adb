/* Tokens, certificates and who is listed, without a connection; time is the test's. */
#include "clock.h"
#include "roster.h"

#include "run.h"

#include <jansson.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY 86400

static char folder[64];
static struct lab *lab;
static struct roster *roster;
static struct failure f;
static struct hello hello;
static struct buf key, der;

static void open_roster(void)
{
  ck_assert_int_eq(roster_new(lab, folder, &roster, &f), ERR_OK);
}

static void setup(void)
{
  strcpy(folder, "/tmp/sevenstep-roster-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  ck_assert_int_eq(lab_load(SEVENSTEP_SOURCE_DIR "/lab.yaml", 0, &lab, &f), ERR_OK);
  buf_init(&key, CSR_KEY_MAX);
  buf_init(&der, CERTIFICATE_MAX);
  hello_init(&hello);
  open_roster();
}

static void teardown(void)
{
  static const char *const files[] = {"connector-ca.crt", "connector-ca.key", "connectors.db",
                                      "connectors.db-wal", "connectors.db-shm"};
  roster_free(roster);
  lab_free(lab);
  hello_clear(&hello);
  buf_wipe(&key);
  buf_clear(&der);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    unlink(path);
  }
  rmdir(folder);
}

/* A hello with a fresh key and a request for it; token: "" leaves the one that is there. */
static void say_hello(const char *name, const char *token)
{
  char challenge[CHALLENGE_LEN + 1];
  if (*token) snprintf(hello.token, sizeof hello.token, "%s", token);
  snprintf(hello.name, sizeof hello.name, "%s", name);
  snprintf(hello.group, sizeof hello.group, "default");
  snprintf(hello.tenant, sizeof hello.tenant, "%s", lab->tenant);
  buf_wipe(&key);
  buf_reset(&hello.csr);
  ck_assert_int_eq(csr_challenge(hello.token, challenge), ERR_OK);
  ck_assert_int_eq(csr_new(name, challenge, &key, &hello.csr, &f), ERR_OK);
}

static void get_token(const char *name)
{
  char token[TOKEN_LEN + 1];
  ck_assert_int_eq(roster_token(roster, name, NULL, token, &f), ERR_OK);
  say_hello(name, token);
}

static enum err enrol(void)
{
  buf_reset(&der);
  return roster_register(roster, &hello, &der, &f);
}

static struct certificate registered(const char *name)
{
  struct certificate c;
  get_token(name);
  ck_assert_int_eq(enrol(), ERR_OK);
  ck_assert_int_eq(certificate_read(der.data, der.len, &c, &f), ERR_OK);
  return c;
}

static struct certificate renewed(const struct certificate *old)
{
  struct certificate c;
  struct buf csr;
  buf_init(&csr, CSR_MAX);
  buf_wipe(&key);
  buf_reset(&der);
  ck_assert_int_eq(csr_new(old->name, "nonce", &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(roster_renew(roster, old, "nonce", csr.data, csr.len, &der, &f), ERR_OK);
  ck_assert_int_eq(certificate_read(der.data, der.len, &c, &f), ERR_OK);
  buf_clear(&csr);
  return c;
}

/* -- tokens ---------------------------------------------------------------------------------------------- */

START_TEST(register_with_its_token_gives_a_certificate_that_is_admitted)
{
  struct certificate c = registered("connector-1");
  ck_assert_str_eq(c.name, "connector-1");
  ck_assert_str_eq(c.group, "default");
  ck_assert_str_eq(c.tenant, lab->tenant);
  ck_assert_int_eq(c.until_s - c.from_s, lab->cloud.certificate_lifetime_s);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
}
END_TEST

START_TEST(register_with_a_token_of_ones_own_is_refused)
{
  say_hello("connector-1", "abcdefghijabcdefghijabcdefghijabcdefghijabc");
  ck_assert_int_eq(enrol(), ERR_REGISTRATION_TOKEN_UNKNOWN);
}
END_TEST

START_TEST(register_twice_with_a_token_is_refused_and_harms_nobody)
{
  struct certificate c = registered("connector-1");
  say_hello("connector-1", "");
  ck_assert_int_eq(enrol(), ERR_REGISTRATION_TOKEN_USED);
  ck_assert_uint_eq(der.len, 0);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
}
END_TEST

START_TEST(register_with_an_expired_token_is_refused)
{
  get_token("connector-1");
  clock_shift_wall(lab->cloud.registration_token_lifetime_s - 1);
  say_hello("connector-1", "");
  clock_shift_wall(1);
  ck_assert_int_eq(enrol(), ERR_REGISTRATION_TOKEN_EXPIRED);
}
END_TEST

START_TEST(register_with_the_token_of_another_connector_is_refused)
{
  get_token("connector-2");
  say_hello("connector-1", "");
  ck_assert_int_eq(enrol(), ERR_REGISTRATION_TOKEN_FOREIGN);
}
END_TEST

START_TEST(register_in_another_group_is_refused)
{
  get_token("connector-1");
  strcpy(hello.group, "others");
  ck_assert_int_eq(enrol(), ERR_CONNECTOR_GROUP);
}
END_TEST

START_TEST(register_of_another_tenant_is_refused)
{
  get_token("connector-1");
  strcpy(hello.tenant, "another.test");
  ck_assert_int_eq(enrol(), ERR_CONNECTOR_TENANT);
}
END_TEST

START_TEST(register_of_a_name_that_is_not_in_the_lab_is_refused)
{
  get_token("connector-1");
  say_hello("connector-9", "");
  ck_assert_int_eq(enrol(), ERR_CONNECTOR_UNKNOWN);
}
END_TEST

/* Who has seen the request of another one, and has a token of his own, gets nothing for it. */
START_TEST(register_with_the_request_of_another_is_refused_and_leaves_the_token)
{
  char token[TOKEN_LEN + 1];
  get_token("connector-1");
  ck_assert_int_eq(roster_token(roster, "connector-1", NULL, token, &f), ERR_OK);
  strcpy(hello.token, token);
  ck_assert_int_eq(enrol(), ERR_REGISTRATION_POSSESSION);
  say_hello("connector-1", token);
  ck_assert_int_eq(enrol(), ERR_OK);
}
END_TEST

START_TEST(token_for_an_unknown_connector_or_another_group_is_refused)
{
  char token[TOKEN_LEN + 1];
  ck_assert_int_eq(roster_token(roster, "connector-9", NULL, token, &f), ERR_CONNECTOR_UNKNOWN);
  ck_assert_int_eq(roster_token(roster, "connector-1", "others", token, &f), ERR_CONNECTOR_GROUP);
  ck_assert_int_eq(roster_token(roster, "connector-1", "default", token, &f), ERR_OK);
}
END_TEST

START_TEST(token_is_not_in_the_store_as_it_is)
{
  char path[128], command[512];
  get_token("connector-1");
  snprintf(path, sizeof path, "%s/connectors.db", folder);
  snprintf(command, sizeof command, "cat %s %s-wal | grep -q connector-1", path, path);
  ck_assert_int_eq(system(command), 0);
  snprintf(command, sizeof command, "! cat %s %s-wal | grep -qF -e '%s'", path, path, hello.token);
  ck_assert_int_eq(system(command), 0);
}
END_TEST

/* -- certificates ---------------------------------------------------------------------------------------- */

/* As a clock that was ahead leaves it. */
START_TEST(admit_from_the_first_second)
{
  struct certificate c = registered("connector-1");
  clock_shift_wall(-5);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_CONNECTOR_NOT_YET_VALID);
  clock_shift_wall(5);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
}
END_TEST

START_TEST(admit_until_the_last_second)
{
  struct certificate c = registered("connector-1");
  clock_shift_wall(lab->cloud.certificate_lifetime_s - 2);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
  clock_shift_wall(2);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_CONNECTOR_EXPIRED);
}
END_TEST

START_TEST(admit_certificate_of_another_tenant_group_or_name_is_refused)
{
  struct certificate c = registered("connector-1"), other = c;
  strcpy(other.tenant, "another.test");
  ck_assert_int_eq(roster_admit(roster, &other, &f), ERR_CONNECTOR_TENANT);
  other = c;
  strcpy(other.group, "others");
  ck_assert_int_eq(roster_admit(roster, &other, &f), ERR_CONNECTOR_GROUP);
  other = c;
  strcpy(other.name, "connector-9");
  ck_assert_int_eq(roster_admit(roster, &other, &f), ERR_CONNECTOR_UNKNOWN);
  other = c;
  strcpy(other.name, "connector-2");
  ck_assert_int_eq(roster_admit(roster, &other, &f), ERR_CONNECTOR_FORGOTTEN);
  other = c;
  other.serial[0] ^= 1;
  ck_assert_int_eq(roster_admit(roster, &other, &f), ERR_CONNECTOR_REVOKED);
}
END_TEST

/* Removes these files of the roster's folder, as somebody does when one is damaged, and opens it again. */
static void reopen_without(const char *const files[])
{
  roster_free(roster);
  for (; *files; files++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, *files);
    unlink(path);
  }
  open_roster();
}

static const char *const records[] = {"connectors.db", "connectors.db-wal", "connectors.db-shm", NULL};
static const char *const authority_files[] = {"connector-ca.crt", "connector-ca.key", NULL};

START_TEST(admit_without_a_record_tells_it_from_a_revocation)
{
  struct certificate c = registered("connector-1");
  ck_assert_int_eq(roster_revoke(roster, "connector-1", &f), ERR_OK);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_CONNECTOR_REVOKED);
  reopen_without(records);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_CONNECTOR_FORGOTTEN);
}
END_TEST

START_TEST(check_of_the_certificate_that_is_in_use_succeeds)
{
  registered("connector-1");
  ck_assert_int_eq(roster_check(roster, "connector-1", der.data, der.len, &f), ERR_OK);
}
END_TEST

START_TEST(check_of_what_would_be_refused_tells_why)
{
  registered("connector-1");
  ck_assert_int_eq(roster_check(roster, "connector-1", der.data, der.len - 1, &f), ERR_SYNTAX);
  ck_assert_int_eq(roster_check(roster, "connector-1", NULL, 0, &f), ERR_SYNTAX);
  ck_assert_int_eq(roster_check(roster, "connector-2", der.data, der.len, &f), ERR_CONNECTOR_FORGOTTEN);
  ck_assert_int_eq(roster_revoke(roster, "connector-1", &f), ERR_OK);
  ck_assert_int_eq(roster_check(roster, "connector-1", der.data, der.len, &f), ERR_CONNECTOR_REVOKED);
}
END_TEST

/* TLS would refuse it, before its record is asked for. */
START_TEST(check_of_another_authoritys_certificate_is_refused_though_it_is_on_record)
{
  struct certificate c = registered("connector-1");
  reopen_without(authority_files);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
  ck_assert_int_eq(roster_check(roster, "connector-1", der.data, der.len, &f), ERR_CONNECTOR_FORGOTTEN);
}
END_TEST

START_TEST(register_again_ends_the_certificate_before)
{
  struct certificate a = registered("connector-1"), b = registered("connector-1");
  ck_assert_int_eq(roster_admit(roster, &a, &f), ERR_CONNECTOR_REVOKED);
  ck_assert_int_eq(roster_admit(roster, &b, &f), ERR_OK);
}
END_TEST

START_TEST(renew_keeps_the_one_before_until_the_next_renewal)
{
  struct certificate a = registered("connector-1"), b = renewed(&a), c;
  ck_assert_int_eq(roster_admit(roster, &a, &f), ERR_OK);
  ck_assert_int_eq(roster_admit(roster, &b, &f), ERR_OK);
  c = renewed(&b);
  ck_assert_int_eq(roster_admit(roster, &a, &f), ERR_CONNECTOR_REVOKED);
  ck_assert_int_eq(roster_admit(roster, &b, &f), ERR_OK);
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
}
END_TEST

START_TEST(renew_with_the_request_of_another_exchange_is_refused)
{
  struct certificate a = registered("connector-1");
  buf_reset(&der);
  ck_assert_int_eq(roster_renew(roster, &a, "nonce", hello.csr.data, hello.csr.len, &der, &f),
                   ERR_REGISTRATION_POSSESSION);
  ck_assert_uint_eq(der.len, 0);
}
END_TEST

START_TEST(renew_of_a_revoked_or_expired_certificate_is_refused)
{
  struct certificate a = registered("connector-1"), b = registered("connector-2");
  ck_assert_int_eq(roster_revoke(roster, "connector-1", &f), ERR_OK);
  ck_assert_int_eq(roster_renew(roster, &a, "nonce", hello.csr.data, hello.csr.len, &der, &f),
                   ERR_CONNECTOR_REVOKED);
  clock_shift_wall(lab->cloud.certificate_lifetime_s);
  ck_assert_int_eq(roster_renew(roster, &b, "nonce", hello.csr.data, hello.csr.len, &der, &f),
                   ERR_CONNECTOR_EXPIRED);
}
END_TEST

START_TEST(revoke_holds_for_all_its_certificates_and_after_a_restart)
{
  struct certificate a = registered("connector-1"), b = renewed(&a), other = registered("connector-2");
  ck_assert_int_eq(roster_revoke(roster, "connector-1", &f), ERR_OK);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq(roster_admit(roster, &a, &f), ERR_CONNECTOR_REVOKED);
    ck_assert_int_eq(roster_admit(roster, &b, &f), ERR_CONNECTOR_REVOKED);
    ck_assert_int_eq(roster_admit(roster, &other, &f), ERR_OK);
    roster_free(roster);
    open_roster();
  }
}
END_TEST

START_TEST(revoke_ends_tokens_too_and_a_new_one_lets_it_back_in)
{
  struct certificate a = registered("connector-1"), b;
  get_token("connector-1");
  ck_assert_int_eq(roster_revoke(roster, "connector-1", &f), ERR_OK);
  ck_assert_int_eq(enrol(), ERR_CONNECTOR_REVOKED);
  b = registered("connector-1");
  ck_assert_int_eq(roster_admit(roster, &b, &f), ERR_OK);
  ck_assert_int_eq(roster_admit(roster, &a, &f), ERR_CONNECTOR_REVOKED);
}
END_TEST

START_TEST(revoke_of_an_unknown_connector_is_refused)
{
  ck_assert_int_eq(roster_revoke(roster, "connector-9", &f), ERR_CONNECTOR_UNKNOWN);
}
END_TEST

START_TEST(used_tokens_and_certificates_survive_a_restart)
{
  struct certificate c = registered("connector-1");
  roster_free(roster);
  open_roster();
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
  say_hello("connector-1", "");
  ck_assert_int_eq(enrol(), ERR_REGISTRATION_TOKEN_USED);
}
END_TEST

/* A lab that was changed while it ran: who is not in it is not admitted, who comes into it may register. */
START_TEST(use_another_lab_changes_who_is_admitted)
{
  struct certificate one = registered("connector-1"), two = registered("connector-2");
  struct lab *other;
  ck_assert_int_eq(lab_load(SEVENSTEP_SOURCE_DIR "/lab.yaml", 0, &other, &f), ERR_OK);
  other->connectors[0].group = "others";
  other->connectors[1].name = "connector-9";
  roster_use(roster, other);
  lab_free(other);
  ck_assert_int_eq(roster_admit(roster, &one, &f), ERR_CONNECTOR_GROUP);
  ck_assert_int_eq(roster_admit(roster, &two, &f), ERR_CONNECTOR_UNKNOWN);
  two = registered("connector-9");
  ck_assert_int_eq(roster_admit(roster, &two, &f), ERR_OK);
  roster_use(roster, lab);
  ck_assert_int_eq(roster_admit(roster, &one, &f), ERR_OK);
}
END_TEST

/* -- status ---------------------------------------------------------------------------------------------- */

/* The member of the connector's entry; NULL when it is not listed. Valid until the next call. */
static const json_t *listed(const char *name, const char *member)
{
  static json_t *doc;
  struct buf text;
  size_t i;
  json_t *c;
  buf_init(&text, 65536);
  ck_assert_int_eq(roster_json(roster, &text), ERR_OK);
  json_decref(doc);
  doc = json_loads(buf_str(&text), 0, NULL);
  buf_clear(&text);
  ck_assert_ptr_nonnull(doc);
  json_array_foreach(json_object_get(doc, "connectors"), i, c)
  {
    if (strcmp(json_string_value(json_object_get(c, "name")), name) == 0) return json_object_get(c, member);
  }
  json_decref(doc);
  doc = NULL;
  return NULL;
}

START_TEST(json_tells_who_is_active_and_since_when_not)
{
  struct certificate c = registered("connector-1");
  roster_came(roster, &c, "0.1.0", "192.0.2.7");
  roster_came(roster, &c, "0.1.0", "192.0.2.7");
  ck_assert_str_eq(json_string_value(listed("connector-1", "state")), "active");
  ck_assert_int_eq(json_integer_value(listed("connector-1", "connections")), 2);
  ck_assert_str_eq(json_string_value(listed("connector-1", "version")), "0.1.0");
  ck_assert_str_eq(json_string_value(listed("connector-1", "from")), "192.0.2.7");
  ck_assert_int_eq(json_integer_value(listed("connector-1", "expires")), c.until_s);
  roster_left(roster, "connector-1");
  ck_assert_str_eq(json_string_value(listed("connector-1", "state")), "active");
  roster_left(roster, "connector-1");
  ck_assert_str_eq(json_string_value(listed("connector-1", "state")), "inactive");
}
END_TEST

START_TEST(json_lists_nobody_who_was_never_seen)
{
  ck_assert_ptr_null(listed("connector-2", "name"));
}
END_TEST

START_TEST(json_drops_who_is_absent_for_ten_days_and_takes_him_back)
{
  struct certificate c = registered("connector-1");
  roster_came(roster, &c, "0.1.0", "192.0.2.7");
  clock_shift_wall(20 * DAY);
  ck_assert_ptr_nonnull(listed("connector-1", "name")); /* it is connected all the time */
  roster_left(roster, "connector-1");
  clock_shift_wall(10 * DAY - 60);
  ck_assert_ptr_nonnull(listed("connector-1", "name"));
  roster_free(roster);
  open_roster();
  ck_assert_ptr_nonnull(listed("connector-1", "name")); /* also over a restart */
  clock_shift_wall(60);
  ck_assert_ptr_null(listed("connector-1", "name"));
  ck_assert_int_eq(roster_admit(roster, &c, &f), ERR_OK);
  roster_came(roster, &c, "0.1.0", "192.0.2.7");
  ck_assert_str_eq(json_string_value(listed("connector-1", "state")), "active");
  roster_left(roster, "connector-1");
  clock_shift_wall(10 * DAY);
  ck_assert_ptr_null(listed("connector-1", "name"));
}
END_TEST

static atomic_bool saved;

static void *save(void *arg)
{
  (void)arg;
  (void)!roster_save(roster);
  saved = true;
  return NULL;
}

/* Another process holds the store, so that writing waits. */
START_TEST(look_at_a_connector_does_not_wait_for_what_is_saved)
{
  sqlite3 *other;
  pthread_t t;
  char path[128];
  struct certificate c = {.name = "connector-1"};
  snprintf(path, sizeof path, "%s/connectors.db", folder);
  roster_came(roster, &c, "1", "127.0.0.1");
  ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  saved = false;
  ck_assert_int_eq(pthread_create(&t, NULL, save, NULL), 0);
  while (roster_is_changed(roster)) /* it is being saved */
    ck_assert(!saved);
  ck_assert_uint_eq(roster_connections(roster, "connector-1"), 1);
  ck_assert(!saved);
  ck_assert_int_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
  pthread_join(t, NULL);
  ck_assert(!roster_is_changed(roster));
  sqlite3_close(other);
}
END_TEST

START_TEST(what_could_not_be_saved_is_saved_again)
{
  sqlite3 *other;
  char path[128];
  struct certificate c = {.name = "connector-1"};
  snprintf(path, sizeof path, "%s/connectors.db", folder);
  roster_came(roster, &c, "1", "127.0.0.1");
  ck_assert_int_eq(sqlite3_open(path, &other), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  ck_assert_int_ne(roster_save(roster), ERR_OK);
  ck_assert(roster_is_changed(roster));
  ck_assert_int_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
  ck_assert_int_eq(roster_save(roster), ERR_OK);
  ck_assert(!roster_is_changed(roster));
  sqlite3_close(other);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("roster");
  TCase *c = tcase_create("roster");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, register_with_its_token_gives_a_certificate_that_is_admitted);
  tcase_add_test(c, register_with_a_token_of_ones_own_is_refused);
  tcase_add_test(c, register_twice_with_a_token_is_refused_and_harms_nobody);
  tcase_add_test(c, register_with_an_expired_token_is_refused);
  tcase_add_test(c, register_with_the_token_of_another_connector_is_refused);
  tcase_add_test(c, register_in_another_group_is_refused);
  tcase_add_test(c, register_of_another_tenant_is_refused);
  tcase_add_test(c, register_of_a_name_that_is_not_in_the_lab_is_refused);
  tcase_add_test(c, register_with_the_request_of_another_is_refused_and_leaves_the_token);
  tcase_add_test(c, token_for_an_unknown_connector_or_another_group_is_refused);
  tcase_add_test(c, token_is_not_in_the_store_as_it_is);
  tcase_add_test(c, admit_from_the_first_second);
  tcase_add_test(c, admit_until_the_last_second);
  tcase_add_test(c, admit_certificate_of_another_tenant_group_or_name_is_refused);
  tcase_add_test(c, admit_without_a_record_tells_it_from_a_revocation);
  tcase_add_test(c, check_of_the_certificate_that_is_in_use_succeeds);
  tcase_add_test(c, check_of_what_would_be_refused_tells_why);
  tcase_add_test(c, check_of_another_authoritys_certificate_is_refused_though_it_is_on_record);
  tcase_add_test(c, register_again_ends_the_certificate_before);
  tcase_add_test(c, renew_keeps_the_one_before_until_the_next_renewal);
  tcase_add_test(c, renew_with_the_request_of_another_exchange_is_refused);
  tcase_add_test(c, renew_of_a_revoked_or_expired_certificate_is_refused);
  tcase_add_test(c, revoke_holds_for_all_its_certificates_and_after_a_restart);
  tcase_add_test(c, revoke_ends_tokens_too_and_a_new_one_lets_it_back_in);
  tcase_add_test(c, revoke_of_an_unknown_connector_is_refused);
  tcase_add_test(c, used_tokens_and_certificates_survive_a_restart);
  tcase_add_test(c, use_another_lab_changes_who_is_admitted);
  tcase_add_test(c, json_tells_who_is_active_and_since_when_not);
  tcase_add_test(c, look_at_a_connector_does_not_wait_for_what_is_saved);
  tcase_add_test(c, what_could_not_be_saved_is_saved_again);
  tcase_add_test(c, json_lists_nobody_who_was_never_seen);
  tcase_add_test(c, json_drops_who_is_absent_for_ten_days_and_takes_him_back);
  suite_add_tcase(suite, c);
  return run(suite);
}
