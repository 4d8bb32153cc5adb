/* The cache of tickets: whose they are, how long they are given out, and who is told to renew them. */
#include "kdc_lab.h"

#include <stdio.h>

enum { TRUST_S = 900, LEAD_S = 180 };
static const struct krb_cache_key alice = {"alice@test", "alice@CORP.TEST", "HTTP/a"};

static struct kdc_lab l;
static struct krb_ticket *ticket; /* ends in ten hours */
static struct krb_cache *cache;
static int64_t now, end;

static void setup(void)
{
  kdc_lab_make(&l);
  kdc_lab_start(&l);
  ticket = kdc_lab_ticket(&l);
  end = krb_ticket_end_s(ticket);
  now = end - 36000;
}

static void teardown(void)
{
  krb_ticket_unref(ticket);
  kdc_lab_remove(&l);
}

static void make(void)
{
  ck_assert_int_eq(krb_cache_new(100, TRUST_S, &cache), ERR_OK);
}

static void clear(void)
{
  krb_cache_free(cache);
}

static bool has(const struct krb_cache_key *key, int64_t when, bool *ret_renew)
{
  struct krb_ticket *t = krb_cache_get(cache, key, when, ret_renew);
  krb_ticket_unref(t);
  return t == ticket;
}

static bool found(const struct krb_cache_key *key, int64_t when)
{
  bool renew;
  return has(key, when, &renew);
}

static bool to_renew(int64_t when)
{
  bool renew;
  ck_assert(has(&alice, when, &renew));
  return renew;
}

/* -- whose ----------------------------------------------------------------------------------------------- */

START_TEST(krb_cache_get_finds_the_users_own_only)
{
  static const struct krb_cache_key others[] = {{"alice@tes", "talice@CORP.TEST", "HTTP/a"},
                                                {"alice@test", "alice@CORP.TES", "THTTP/a"},
                                                {"bob@test", "alice@CORP.TEST", "HTTP/a"},
                                                {"alice@test", "bob@CORP.TEST", "HTTP/a"},
                                                {"alice@test", "alice@CORP.TEST", "HTTP/b"}};
  krb_cache_put(cache, &alice, ticket, now);
  ck_assert(found(&alice, now));
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    ck_assert_msg(!found(&others[i], now), "%zu", i);
}
END_TEST

START_TEST(krb_cache_put_beyond_the_limit_drops_the_least_recently_used)
{
  char name[32];
  struct krb_cache_key key = alice;
  key.upn = name;
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "user%d", i);
    krb_cache_put(cache, &key, ticket, now);
  }
  snprintf(name, sizeof name, "user0");
  ck_assert(found(&key, now));
  krb_cache_put(cache, &alice, ticket, now);
  ck_assert_uint_eq(krb_cache_count(cache), 100);
  ck_assert(found(&key, now));
  snprintf(name, sizeof name, "user1");
  ck_assert(!found(&key, now));
}
END_TEST

START_TEST(krb_cache_put_again_replaces_and_remove_removes)
{
  krb_cache_put(cache, &alice, ticket, now);
  krb_cache_put(cache, &alice, ticket, now);
  ck_assert_uint_eq(krb_cache_count(cache), 1);
  krb_cache_remove(cache, &alice);
  krb_cache_remove(cache, &alice);
  ck_assert_uint_eq(krb_cache_count(cache), 0);
}
END_TEST

/* -- how long -------------------------------------------------------------------------------------------- */

START_TEST(krb_cache_get_beyond_the_trust_time_is_forgotten)
{
  krb_cache_put(cache, &alice, ticket, now);
  ck_assert(found(&alice, now + TRUST_S));
  ck_assert(!found(&alice, now + TRUST_S + 1));
  ck_assert_uint_eq(krb_cache_count(cache), 0);
}
END_TEST

START_TEST(krb_cache_get_ticket_that_ends_within_a_minute_is_forgotten)
{
  krb_cache_put(cache, &alice, ticket, end - 300);
  ck_assert(found(&alice, end - 60));
  ck_assert(!found(&alice, end - 59));
  ck_assert_uint_eq(krb_cache_count(cache), 0);
}
END_TEST

START_TEST(krb_cache_get_use_does_not_prolong)
{
  krb_cache_put(cache, &alice, ticket, now);
  for (int64_t at = now; at <= now + TRUST_S; at += 100)
    ck_assert(found(&alice, at));
  ck_assert(!found(&alice, now + TRUST_S + 1));
}
END_TEST

/* -- renewal --------------------------------------------------------------------------------------------- */

START_TEST(krb_cache_get_near_the_trust_times_end_asks_one_to_renew)
{
  krb_cache_put(cache, &alice, ticket, now);
  ck_assert(!to_renew(now + TRUST_S - LEAD_S - 1));
  ck_assert(to_renew(now + TRUST_S - LEAD_S));
  ck_assert(!to_renew(now + TRUST_S - LEAD_S));
  ck_assert(!to_renew(now + TRUST_S - LEAD_S + LEAD_S / 4));
}
END_TEST

START_TEST(krb_cache_get_renewal_that_came_to_nothing_is_asked_for_again)
{
  krb_cache_put(cache, &alice, ticket, now);
  ck_assert(to_renew(now + TRUST_S - LEAD_S));
  ck_assert(to_renew(now + TRUST_S - LEAD_S + LEAD_S / 4 + 1));
}
END_TEST

START_TEST(krb_cache_get_renewed_ticket_has_its_whole_time)
{
  krb_cache_put(cache, &alice, ticket, now);
  ck_assert(to_renew(now + TRUST_S - LEAD_S));
  krb_cache_put(cache, &alice, ticket, now + TRUST_S - LEAD_S);
  ck_assert(!to_renew(now + TRUST_S));
  ck_assert(found(&alice, now + 2 * TRUST_S - LEAD_S));
}
END_TEST

START_TEST(krb_cache_get_near_the_tickets_end_asks_to_renew)
{
  krb_cache_put(cache, &alice, ticket, end - 600);
  ck_assert(!to_renew(end - 60 - LEAD_S - 1));
  ck_assert(to_renew(end - 60 - LEAD_S));
}
END_TEST

/* -- purging --------------------------------------------------------------------------------------------- */

static void put_three(void)
{
  static const struct krb_cache_key more[] = {{"alice@test", "alice@CORP.TEST", "HTTP/b"},
                                              {"bob@test", "bob@CORP.TEST", "HTTP/a"}};
  krb_cache_put(cache, &alice, ticket, now);
  krb_cache_put(cache, &more[0], ticket, now);
  krb_cache_put(cache, &more[1], ticket, now);
}

START_TEST(krb_cache_purge_of_a_user_takes_all_of_his_and_nobody_elses)
{
  put_three();
  ck_assert_uint_eq(krb_cache_purge(cache, "Alice@Test"), 2);
  ck_assert_uint_eq(krb_cache_count(cache), 1);
  ck_assert(!found(&alice, now));
}
END_TEST

START_TEST(krb_cache_purge_by_the_name_inside_is_the_same)
{
  put_three();
  ck_assert_uint_eq(krb_cache_purge(cache, "alice@CORP.TEST"), 2);
  ck_assert_uint_eq(krb_cache_purge(cache, "alice"), 0);
}
END_TEST

START_TEST(krb_cache_purge_of_everybody_empties)
{
  put_three();
  ck_assert_uint_eq(krb_cache_purge(cache, NULL), 3);
  ck_assert_uint_eq(krb_cache_purge(cache, NULL), 0);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("cache");
  TCase *t = tcase_create("cache");
  tcase_add_unchecked_fixture(t, setup, teardown);
  tcase_add_checked_fixture(t, make, clear);
  tcase_add_test(t, krb_cache_get_finds_the_users_own_only);
  tcase_add_test(t, krb_cache_put_beyond_the_limit_drops_the_least_recently_used);
  tcase_add_test(t, krb_cache_put_again_replaces_and_remove_removes);
  tcase_add_test(t, krb_cache_get_beyond_the_trust_time_is_forgotten);
  tcase_add_test(t, krb_cache_get_ticket_that_ends_within_a_minute_is_forgotten);
  tcase_add_test(t, krb_cache_get_use_does_not_prolong);
  tcase_add_test(t, krb_cache_get_near_the_trust_times_end_asks_one_to_renew);
  tcase_add_test(t, krb_cache_get_renewal_that_came_to_nothing_is_asked_for_again);
  tcase_add_test(t, krb_cache_get_renewed_ticket_has_its_whole_time);
  tcase_add_test(t, krb_cache_get_near_the_tickets_end_asks_to_renew);
  tcase_add_test(t, krb_cache_purge_of_a_user_takes_all_of_his_and_nobody_elses);
  tcase_add_test(t, krb_cache_purge_by_the_name_inside_is_the_same);
  tcase_add_test(t, krb_cache_purge_of_everybody_empties);
  suite_add_tcase(s, t);
  return run(s);
}
