#include "kdc_lab.h"

#include "database.h"
#include "provision.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kdc_lab l;

static void setup(void)
{
  kdc_lab_make(&l);
}

static void teardown(void)
{
  kdc_lab_remove(&l);
}

static struct provision_result again(void)
{
  struct provision_result r;
  struct failure f = {0};
  ck_assert_msg(provision(&l.lab, l.run, &r, &f) == ERR_OK, "%s", f.why);
  return r;
}

/* A file's bytes, to compare. */
struct contents {
  size_t n;
  char bytes[16384];
};

static void read_contents(const char *name, struct contents *c)
{
  FILE *f = fopen(kdc_lab_path(&l, name), "re");
  ck_assert_msg(f != NULL, "%s", name);
  c->n = fread(c->bytes, 1, sizeof c->bytes, f);
  fclose(f);
}

static bool same_contents(const struct contents *a, const struct contents *b)
{
  return a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
}

static kadm5_principal_ent_rec entry_of(struct database *db, const char *name)
{
  krb5_principal p;
  kadm5_principal_ent_rec e;
  ck_assert_int_eq(krb5_parse_name(db->ctx, name, &p), 0);
  ck_assert_int_eq(kadm5_get_principal(db->handle, p, &e, KADM5_PRINCIPAL_NORMAL_MASK | KADM5_KEY_DATA), 0);
  krb5_free_principal(db->ctx, p);
  return e;
}

START_TEST(provision_empty_folder_takes_less_than_a_second)
{
  system("rm -rf \"$(dirname \"$KRB5_KDC_PROFILE\")\"");
  struct provision_result r = again();
  ck_assert(r.new_database);
  ck_assert_str_eq(r.why_new, "");
  ck_assert_uint_eq(r.created, 10);
  ck_assert_int_lt(r.duration_ns, 1000000000);
}
END_TEST

START_TEST(provision_second_run_changes_nothing_and_keeps_keys)
{
  struct contents before, after;
  read_contents("keytabs/backend.keytab", &before);
  struct provision_result r = again();
  read_contents("keytabs/backend.keytab", &after);
  ck_assert(!r.new_database);
  ck_assert_uint_eq(r.created + r.changed + r.removed + r.keytabs, 0);
  ck_assert_uint_eq(r.unchanged, 10);
  ck_assert(same_contents(&before, &after));
}
END_TEST

START_TEST(provision_every_principal_requires_preauth_and_has_aes_keys_only)
{
  struct database db;
  char **names;
  int n;
  ck_assert_int_eq(database_open(&l.lab, l.run, &db, NULL), ERR_OK);
  ck_assert_int_eq(kadm5_get_principals(db.handle, NULL, &names, &n), 0);
  ck_assert_int_gt(n, 9);
  for (int i = 0; i < n; i++) {
    kadm5_principal_ent_rec e = entry_of(&db, names[i]);
    ck_assert_msg(e.attributes & KRB5_KDB_REQUIRES_PRE_AUTH, "%s", names[i]);
    for (int k = 0; k < e.n_key_data; k++)
      ck_assert_msg(e.key_data[k].key_data_type[0] == 17 || e.key_data[k].key_data_type[0] == 18, "%s",
                    names[i]);
    kadm5_free_principal_ent(db.handle, &e);
  }
  kadm5_free_name_list(db.handle, names, n);
  database_close(&db);
}
END_TEST

START_TEST(provision_keytabs_are_private)
{
  static const char *const names[] = {"keytabs/connector-1.keytab", "keytabs/connector-2.keytab",
                                      "keytabs/backend.keytab"};
  for (size_t i = 0; i < 3; i++) {
    struct stat st;
    ck_assert_int_eq(stat(kdc_lab_path(&l, names[i]), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
  }
}
END_TEST

START_TEST(provision_open_keytab_is_closed_again)
{
  struct stat st;
  chmod(kdc_lab_path(&l, "keytabs/backend.keytab"), 0644);
  ck_assert_uint_eq(again().keytabs, 1);
  ck_assert_int_eq(stat(kdc_lab_path(&l, "keytabs/backend.keytab"), &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(provision_lost_keytab_is_written_with_the_same_keys)
{
  unlink(kdc_lab_path(&l, "keytabs/connector-1.keytab"));
  struct provision_result r = again();
  ck_assert_uint_eq(r.keytabs, 1);
  ck_assert_uint_eq(r.changed, 0);
}
END_TEST

/* How many keys a keytab has, and of one principal; -1: there is no such file. */
static int keys_in(const char *keytab, const char *principal)
{
  char command[512], line[32];
  if (access(kdc_lab_path(&l, keytab), F_OK) != 0) return -1;
  snprintf(command, sizeof command, "klist -k '%s' | grep -c ' %s@'", kdc_lab_path(&l, keytab), principal);
  FILE *p = popen(command, "re");
  ck_assert_ptr_nonnull(p);
  ck_assert_ptr_nonnull(fgets(line, sizeof line, p));
  pclose(p);
  return atoi(line);
}

START_TEST(provision_guest_has_its_key_in_a_keytab_of_its_own)
{
  char guest[128];
  const char *spn = l.lab.apps[0].spn;
  snprintf(guest, sizeof guest, "keytabs/guests/%s.keytab", l.lab.apps[0].name);
  ck_assert_int_gt(keys_in("keytabs/backend.keytab", spn), 0);
  ck_assert_int_eq(keys_in(guest, spn), -1);

  l.lab.apps[0].played_by = SEAT_GUEST;
  struct provision_result r = again();
  ck_assert_uint_eq(r.keytabs, 2);
  ck_assert_uint_eq(r.changed, 0);
  ck_assert_int_gt(keys_in(guest, spn), 0);
  ck_assert_int_eq(keys_in("keytabs/backend.keytab", spn), 0);
  ck_assert_uint_eq(again().keytabs, 0);

  l.lab.apps[0].played_by = SEAT_LAB;
  again();
  ck_assert_int_eq(keys_in(guest, spn), -1);
  ck_assert_int_gt(keys_in("keytabs/backend.keytab", spn), 0);
}
END_TEST

START_TEST(provision_guest_kdc_gets_krb5_conf_and_wants_keytabs)
{
  struct provision_result r;
  struct failure f = {0};
  l.lab.kdc.played_by = SEAT_GUEST;
  system("rm -rf \"$(dirname \"$KRB5_KDC_PROFILE\")\"");
  unlink(kdc_lab_path(&l, "krb5.conf"));
  ck_assert_int_eq(provision(&l.lab, l.run, &r, &f), ERR_OK);
  ck_assert_int_eq(access(kdc_lab_path(&l, "krb5.conf"), R_OK), 0);
  ck_assert_int_ne(access(kdc_lab_path(&l, "kdc"), F_OK), 0);
  ck_assert_uint_eq(r.created + r.keytabs, 0);
  unlink(kdc_lab_path(&l, "keytabs/connector-2.keytab"));
  ck_assert_int_eq(provision(&l.lab, l.run, &r, &f), ERR_CONFIG);
  ck_assert_ptr_nonnull(strstr(f.why, "keytabs/connector-2.keytab: export it"));
}
END_TEST

START_TEST(provision_changed_password_changes_one_principal)
{
  l.lab.users[0].password = "another";
  struct provision_result r = again();
  ck_assert_uint_eq(r.changed, 1);
  ck_assert_uint_eq(r.unchanged, 9);
  ck_assert_uint_eq(again().changed, 0);
}
END_TEST

START_TEST(provision_disabled_user_changes_one_principal)
{
  l.lab.users[1].enabled = false;
  ck_assert_uint_eq(again().changed, 1);
  struct database db;
  ck_assert_int_eq(database_open(&l.lab, l.run, &db, NULL), ERR_OK);
  kadm5_principal_ent_rec e = entry_of(&db, "bob");
  ck_assert(e.attributes & KRB5_KDB_DISALLOW_ALL_TIX);
  kadm5_free_principal_ent(db.handle, &e);
  database_close(&db);
}
END_TEST

START_TEST(provision_changed_delegation_list_changes_the_connector)
{
  l.lab.connectors[0].allowed_to_delegate_to.n = 1;
  ck_assert_uint_eq(again().changed, 1);
  ck_assert_uint_eq(again().changed, 0);
}
END_TEST

START_TEST(provision_user_gone_from_the_lab_is_removed)
{
  l.lab.n_users--;
  ck_assert_uint_eq(again().removed, 1);
}
END_TEST

START_TEST(provision_principal_made_by_hand_stays)
{
  kdc_lab_admin("addprinc -randkey trainer");
  ck_assert_uint_eq(again().removed, 0);
}
END_TEST

START_TEST(provision_ticket_life_follows_the_lab)
{
  l.lab.kdc.max_ticket_life_s = 600;
  ck_assert_uint_eq(again().changed, 10);
  ck_assert_uint_eq(again().changed, 0);
}
END_TEST

START_TEST(provision_half_made_database_is_made_anew)
{
  unlink(kdc_lab_path(&l, "kdc/complete"));
  ck_assert_int_eq(truncate(kdc_lab_path(&l, "kdc/principal"), 100), 0);
  struct provision_result r = again();
  ck_assert(r.new_database);
  ck_assert_str_eq(r.why_new, "the old one was not finished");
  ck_assert(!again().new_database);
}
END_TEST

START_TEST(provision_damaged_database_is_made_anew)
{
  ck_assert_int_eq(truncate(kdc_lab_path(&l, "kdc/principal"), 0), 0);
  struct provision_result r = again();
  ck_assert(r.new_database);
  ck_assert_str_eq(r.why_new, "the old one was damaged");
}
END_TEST

START_TEST(provision_lost_stash_is_made_anew)
{
  unlink(kdc_lab_path(&l, "kdc/stash"));
  ck_assert(again().new_database);
}
END_TEST

START_TEST(provision_other_realm_is_made_anew)
{
  l.lab.realm = "OTHER.TEST";
  struct provision_result r = again();
  ck_assert(r.new_database);
  ck_assert_str_eq(r.why_new, "the old one was another realm's, or of another kind");
}
END_TEST

/* -- new keys -------------------------------------------------------------------------------------------- */

/* Does the keytab hold this version of the principal's key? */
static bool has_key(const char *keytab, const char *principal, krb5_kvno kvno)
{
  char name[256];
  krb5_context ctx;
  krb5_keytab kt;
  krb5_principal p;
  krb5_keytab_entry entry;
  snprintf(name, sizeof name, "FILE:%s", kdc_lab_path(&l, keytab));
  ck_assert_int_eq(krb5_init_context(&ctx), 0);
  ck_assert_int_eq(krb5_kt_resolve(ctx, name, &kt), 0);
  ck_assert_int_eq(krb5_parse_name(ctx, principal, &p), 0);
  bool has = krb5_kt_get_entry(ctx, kt, p, kvno, 0, &entry) == 0;
  if (has) krb5_free_keytab_entry_contents(ctx, &entry);
  krb5_free_principal(ctx, p);
  krb5_kt_close(ctx, kt);
  krb5_free_context(ctx);
  return has;
}

static enum err rotate(const char *name, char text[256])
{
  struct failure f = {0};
  return provision_rotate(&l.lab, l.run, name, text, 256, &f);
}

START_TEST(provision_rotate_application_has_both_keys_and_nobody_else_a_new_one)
{
  char text[256];
  ck_assert_int_eq(rotate("hello", text), ERR_OK);
  ck_assert_str_eq(text, SPN("hello") ": key version 2\n");
  ck_assert(has_key("keytabs/backend.keytab", SPN("hello"), 1));
  ck_assert(has_key("keytabs/backend.keytab", SPN("hello"), 2));
  ck_assert(!has_key("keytabs/backend.keytab", SPN("ledger"), 2));
  struct provision_result r = again();
  ck_assert_uint_eq(r.changed, 0);
  ck_assert_uint_eq(r.keytabs, 0); /* what was written first is what the database has now */
}
END_TEST

START_TEST(provision_rotate_again_keeps_all_before)
{
  char text[256];
  ck_assert_int_eq(rotate("connector-1", text), ERR_OK);
  ck_assert_int_eq(rotate("connector-1", text), ERR_OK);
  ck_assert_str_eq(text, SPN("connector-1") ": key version 3\n");
  for (krb5_kvno v = 1; v <= 3; v++)
    ck_assert(has_key("keytabs/connector-1.keytab", SPN("connector-1"), v));
  ck_assert_uint_eq(again().keytabs, 0);
}
END_TEST

START_TEST(provision_rotate_unknown_name_is_refused)
{
  char text[256];
  ck_assert_int_eq(rotate("nobody", text), ERR_NOT_FOUND);
  ck_assert_int_eq(rotate("alice", text), ERR_NOT_FOUND);
}
END_TEST

START_TEST(provision_unwritable_folder_is_an_error)
{
  struct provision_result r;
  struct failure f;
  ck_assert_int_eq(provision(&l.lab, "/proc/nowhere", &r, &f), ERR_IO);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("provision");
  TCase *t = tcase_create("provision");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 30);
  tcase_add_test(t, provision_empty_folder_takes_less_than_a_second);
  tcase_add_test(t, provision_second_run_changes_nothing_and_keeps_keys);
  tcase_add_test(t, provision_every_principal_requires_preauth_and_has_aes_keys_only);
  tcase_add_test(t, provision_keytabs_are_private);
  tcase_add_test(t, provision_open_keytab_is_closed_again);
  tcase_add_test(t, provision_lost_keytab_is_written_with_the_same_keys);
  tcase_add_test(t, provision_guest_has_its_key_in_a_keytab_of_its_own);
  tcase_add_test(t, provision_guest_kdc_gets_krb5_conf_and_wants_keytabs);
  tcase_add_test(t, provision_changed_password_changes_one_principal);
  tcase_add_test(t, provision_disabled_user_changes_one_principal);
  tcase_add_test(t, provision_changed_delegation_list_changes_the_connector);
  tcase_add_test(t, provision_user_gone_from_the_lab_is_removed);
  tcase_add_test(t, provision_principal_made_by_hand_stays);
  tcase_add_test(t, provision_ticket_life_follows_the_lab);
  tcase_add_test(t, provision_half_made_database_is_made_anew);
  tcase_add_test(t, provision_damaged_database_is_made_anew);
  tcase_add_test(t, provision_lost_stash_is_made_anew);
  tcase_add_test(t, provision_other_realm_is_made_anew);
  tcase_add_test(t, provision_rotate_application_has_both_keys_and_nobody_else_a_new_one);
  tcase_add_test(t, provision_rotate_again_keeps_all_before);
  tcase_add_test(t, provision_rotate_unknown_name_is_refused);
  tcase_add_test(t, provision_unwritable_folder_is_an_error);
  suite_add_tcase(s, t);
  return run(s);
}
