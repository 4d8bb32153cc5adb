#include "browser.h"
#include "clients.h"
#include "suites.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct idp_site site;

static void set_up(void)
{
  provider_setup();
  idp_site_init(&site, &provider);
}

static void tear_down(void)
{
  idp_site_clear(&site);
  provider_teardown();
}

static void put(const char *changes)
{
  struct failure f;
  ck_assert_msg(!idp_site_put(&site, provider_lab_changed(changes), &f), "%s", f.why);
}

START_TEST(idp_site_put_new_requests_see_it_old_ones_do_not)
{
  struct client c;
  struct idp *before = idp_hold(&site);
  put("applications: {public: null, wiki: {external_url: https://wiki.apps.localhost/, internal_url: "
      "http://w.test/}}");
  struct idp *after = idp_hold(&site);
  ck_assert(!client_find(before->lab, "wiki", &c));
  ck_assert(client_find(after->lab, "wiki", &c));
  idp_release(before);
  idp_release(after);
}
END_TEST

START_TEST(idp_site_put_shares_what_no_lab_decides)
{
  put("applications: {hello: {title: Other}}");
  struct idp *after = idp_hold(&site);
  ck_assert_ptr_eq(after->store, provider.store);
  ck_assert_ptr_eq(after->keys, provider.keys);
  ck_assert_ptr_eq(after->passwords, provider.passwords);
  idp_count(after, COUNT_CODE);
  ck_assert_uint_eq(provider.counts[COUNT_CODE], 1);
  idp_release(after);
}
END_TEST

START_TEST(idp_site_put_another_password_counts_at_once)
{
  put("users: {alice: {password: another-password}}");
  struct idp *after = idp_hold(&site);
  const struct lab_user *alice = lab_user_by_name(after->lab, "alice");
  ck_assert_ptr_ne(after->passwords, provider.passwords);
  ck_assert(passwords_check(after->passwords, alice, "another-password"));
  ck_assert(!passwords_check(after->passwords, alice, "alice-password"));
  ck_assert(passwords_check(provider.passwords, lab_user_by_name(provider.lab, "alice"), "alice-password"));
  idp_release(after);
}
END_TEST

/* For the thread sanitizer, too. */
static atomic_bool done;

static void *look(void *arg)
{
  (void)arg;
  size_t seen = 0;
  while (!atomic_load(&done)) {
    struct idp *i = idp_hold(&site);
    seen += lab_app_by_name(i->lab, "hello") != NULL;
    idp_release(i);
  }
  return seen ? &site : NULL;
}

START_TEST(idp_site_put_while_others_look)
{
  pthread_t threads[3];
  for (size_t i = 0; i < 3; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, look, NULL), 0);
  for (int i = 0; i < 20; i++)
    put(i % 2 ? "applications: {hello: {title: One}}" : "applications: {hello: {title: Two}}");
  atomic_store(&done, true);
  for (size_t i = 0; i < 3; i++) {
    void *seen;
    pthread_join(threads[i], &seen);
    ck_assert_ptr_nonnull(seen);
  }
}
END_TEST

Suite *site_suite(void)
{
  Suite *s = suite_create("site");
  TCase *t = tcase_create("site");
  tcase_set_timeout(t, 60);
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, idp_site_put_new_requests_see_it_old_ones_do_not);
  tcase_add_test(t, idp_site_put_shares_what_no_lab_decides);
  tcase_add_test(t, idp_site_put_another_password_counts_at_once);
  tcase_add_test(t, idp_site_put_while_others_look);
  suite_add_tcase(s, t);
  return s;
}
