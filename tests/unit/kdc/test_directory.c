#include "kdc_lab.h"

#include "database.h"
#include "ldap_realm.h"
#include "provision.h"
#include "slapd.h"
#include "supervise.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kdc_lab l;
static struct supervised *slapd;
static char log_text[16 * 1024];

static void each(void *arg, const char *text)
{
  (void)arg;
  size_t used = strlen(log_text);
  snprintf(log_text + used, sizeof log_text - used, "%s\n", text);
}

static enum err start(struct failure *f)
{
  enum err e = supervise_slapd(l.run, each, NULL, &slapd, f);
  return e ? e : supervise_until_ready(slapd, f);
}

/* Nothing is in it yet; the lab of kdc_lab.c, but for the application whose allowed_to_act kldap does not
 * know. */
static void setup(void)
{
  struct failure f = {0};
  supervise_block_signals();
  kdc_lab_make(&l);
  l.lab.kdc.database = DATABASE_LDAP;
  l.lab.apps[3].allowed_to_act.n = 0;
  log_text[0] = '\0';
  ck_assert_msg(slapd_prepare(l.run, &f) == ERR_OK, "%s", f.why);
  ck_assert_int_eq(chdir(kdc_lab_path(&l, SLAPD_FOLDER)), 0);
  ck_assert_msg(start(&f) == ERR_OK, "%s", f.why);
}

static void teardown(void)
{
  supervise_stop(slapd);
  slapd = NULL;
  kdc_lab_remove(&l);
}

static struct provision_result make(void)
{
  struct provision_result r;
  struct failure f = {0};
  ck_assert_msg(provision(&l.lab, l.run, &r, &f) == ERR_OK, "%s", f.why);
  return r;
}

static struct ldap_realm *open_realm(void)
{
  struct ldap_realm *realm;
  struct failure f = {0};
  ck_assert_msg(ldap_realm_open(l.run, REALM, &realm, &f) == ERR_OK, "%s", f.why);
  return realm;
}

static bool set(struct ldap_realm *realm, const char *targets)
{
  bool changed = false;
  struct failure f = {0};
  ck_assert_msg(ldap_realm_set_targets(realm, SPN("connector-2") "@" REALM, targets, &changed, &f) == ERR_OK,
                "%s", f.why);
  return changed;
}

START_TEST(provision_directory_has_the_realm_and_files_have_not)
{
  struct provision_result r = make();
  ck_assert(r.new_database);
  ck_assert_uint_eq(r.created, 10);
  ck_assert_int_ne(access(kdc_lab_path(&l, "kdc/principal"), F_OK), 0);
  r = make();
  ck_assert(!r.new_database);
  ck_assert_uint_eq(r.created + r.changed + r.removed + r.keytabs, 0);
}
END_TEST

START_TEST(provision_directory_delegation_is_the_kdc_s_own)
{
  make();
  kdc_lab_start(&l);
  krb_ticket_unref(kdc_lab_ticket(&l));
  kdc_lab_stop(&l);
}
END_TEST

START_TEST(provision_directory_changed_list_changes_the_connector)
{
  make();
  l.lab.connectors[0].allowed_to_delegate_to.n = 1;
  ck_assert_uint_eq(make().changed, 1);
  ck_assert_uint_eq(make().changed, 0);
  l.lab.connectors[0].allowed_to_delegate_to.n = 0;
  ck_assert_uint_eq(make().changed, 1);
  ck_assert_uint_eq(make().changed, 0);
}
END_TEST

START_TEST(provision_directory_removes_who_is_gone_and_keeps_keys)
{
  char text[256];
  struct failure f = {0};
  make();
  l.lab.n_users--;
  ck_assert_uint_eq(make().removed, 1);
  ck_assert_int_eq(provision_rotate(&l.lab, l.run, "hello", text, sizeof text, &f), ERR_OK);
  ck_assert_str_eq(text, SPN("hello") ": key version 2\n");
  ck_assert_uint_eq(make().keytabs, 0);
}
END_TEST

START_TEST(provision_directory_half_made_realm_is_made_anew)
{
  make();
  unlink(kdc_lab_path(&l, "kdc/complete"));
  ck_assert_str_eq(make().why_new, "the old one was not finished");
  ck_assert(!make().new_database);
}
END_TEST

START_TEST(provision_directory_stopped_is_an_error_and_harms_nothing)
{
  struct provision_result r;
  struct failure f = {0};
  make();
  supervise_stop(slapd);
  slapd = NULL;
  ck_assert_int_eq(provision(&l.lab, l.run, &r, &f), ERR_KDC_DIRECTORY);
  ck_assert_ptr_nonnull(strstr(f.why, "the directory does not answer"));
  ck_assert_msg(start(&f) == ERR_OK, "%s", f.why);
  ck_assert(!make().new_database);
}
END_TEST

START_TEST(ldap_realm_set_targets_says_whether_it_had_to)
{
  make();
  struct ldap_realm *realm = open_realm();
  ck_assert(!set(realm, NULL));
  ck_assert(set(realm, "HTTP/a.test HTTP/b.test"));
  ck_assert(!set(realm, "HTTP/b.test  HTTP/a.test"));
  ck_assert(set(realm, "HTTP/b.test"));
  ck_assert(set(realm, ""));
  ck_assert(!set(realm, NULL));
  ldap_realm_close(realm);
}
END_TEST

START_TEST(ldap_realm_set_targets_of_nobody_is_an_error)
{
  bool changed;
  struct failure f = {0};
  make();
  struct ldap_realm *realm = open_realm();
  ck_assert_int_eq(ldap_realm_set_targets(realm, "*", "HTTP/a.test", &changed, &f), ERR_KDC_DATABASE);
  ck_assert_ptr_nonnull(strstr(f.why, "setting the targets of *"));
  ldap_realm_close(realm);
}
END_TEST

START_TEST(ldap_realm_remove_takes_all_and_there_need_be_none)
{
  make();
  struct ldap_realm *realm = open_realm();
  ck_assert_int_eq(ldap_realm_remove(realm, NULL), ERR_OK);
  ck_assert_int_eq(ldap_realm_remove(realm, NULL), ERR_OK);
  ldap_realm_close(realm);
  ck_assert(make().new_database);
}
END_TEST

START_TEST(supervise_slapd_says_why_it_does_not_start)
{
  struct failure f = {0};
  supervise_stop(slapd);
  slapd = NULL;
  FILE *data = fopen("data/data.mdb", "we");
  ck_assert_ptr_nonnull(data);
  for (int i = 0; i < 8192; i++)
    fputc('x', data);
  fclose(data);
  ck_assert_int_eq(start(&f), ERR_KDC_DIRECTORY);
  /* Its reason, and neither what it says after that nor the time before it. */
  ck_assert_msg(strstr(f.why, "slapd ended at its start with code 1; its last words: mdb_db_open:") != NULL,
                "%s", f.why);
  ck_assert_ptr_nonnull(strstr(f.why, "Restore from backup"));
  supervise_stop(slapd);
  slapd = NULL;
  ck_assert_int_eq(slapd_forget(l.run, &f), ERR_OK);
  ck_assert_msg(start(&f) == ERR_OK, "%s", f.why);
  ck_assert_ptr_nonnull(strstr(log_text, "\nslapd starting\n"));
}
END_TEST

int main(void)
{
  struct failure f = {0};
  char dir[] = "/tmp/sevenstep-slapd-XXXXXX";
  bool absent = mkdtemp(dir) && slapd_prepare(dir, &f) == ERR_PACKAGE_MISSING;
  snprintf(l.run, sizeof l.run, "%s", dir);
  l.kdc = -1;
  kdc_lab_remove(&l);
  if (absent) return printf("skipped: %s\n", f.why), 77;

  Suite *s = suite_create("directory");
  TCase *t = tcase_create("directory");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, provision_directory_has_the_realm_and_files_have_not);
  tcase_add_test(t, provision_directory_delegation_is_the_kdc_s_own);
  tcase_add_test(t, provision_directory_changed_list_changes_the_connector);
  tcase_add_test(t, provision_directory_removes_who_is_gone_and_keeps_keys);
  tcase_add_test(t, provision_directory_half_made_realm_is_made_anew);
  tcase_add_test(t, provision_directory_stopped_is_an_error_and_harms_nothing);
  tcase_add_test(t, ldap_realm_set_targets_says_whether_it_had_to);
  tcase_add_test(t, ldap_realm_set_targets_of_nobody_is_an_error);
  tcase_add_test(t, ldap_realm_remove_takes_all_and_there_need_be_none);
  tcase_add_test(t, supervise_slapd_says_why_it_does_not_start);
  suite_add_tcase(s, t);
  return run(s);
}
