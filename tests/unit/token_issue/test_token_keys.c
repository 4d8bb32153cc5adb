#include "token_keys.h"

#include "clock.h"
#include "run.h"
#include "token.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RETAIN_S = 1000 };

static char folder[64];

/* Calls visit for each key file; returns how many. */
static int each_file(void (*visit)(const char *path))
{
  int n = 0;
  DIR *d = opendir(folder);
  ck_assert_ptr_nonnull(d);
  for (struct dirent *e; (e = readdir(d));) {
    char path[400];
    if (!strstr(e->d_name, ".pem")) continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (visit) visit(path);
    n++;
  }
  closedir(d);
  return n;
}

static void delete_file(const char *path)
{
  unlink(path);
}

static void setup(void)
{
  snprintf(folder, sizeof folder, "/tmp/sevenstep-keys-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
  char path[96];
  each_file(delete_file);
  snprintf(path, sizeof path, "%s/.new-key", folder);
  unlink(path);
  rmdir(folder);
}

static struct token_keys *opened(void)
{
  struct token_keys *k = NULL;
  struct failure f = {0};
  ck_assert_msg(!token_keys_open(folder, RETAIN_S, &k, &f), "%s", f.why);
  return k;
}

static void signer(struct token_keys *k, char kid[static TOKEN_KID_LEN + 1])
{
  struct buf pem;
  buf_init(&pem, 16384);
  ck_assert_int_eq(token_keys_signer(k, &pem, kid), ERR_OK);
  ck_assert_ptr_nonnull(strstr(buf_str(&pem), "PRIVATE KEY"));
  buf_wipe(&pem);
}

static json_t *published(struct token_keys *k)
{
  struct buf b;
  buf_init(&b, 100000);
  ck_assert_int_eq(token_keys_jwks(k, &b), ERR_OK);
  json_t *set = json_loads(buf_str(&b), JSON_REJECT_DUPLICATES, NULL);
  ck_assert_ptr_nonnull(set);
  buf_clear(&b);
  return set;
}

static size_t published_count(struct token_keys *k)
{
  json_t *set = published(k);
  size_t n = json_array_size(json_object_get(set, "keys"));
  json_decref(set);
  return n;
}

static void refused(const char *word)
{
  struct token_keys *k = NULL;
  struct failure f = {0};
  ck_assert_int_eq(token_keys_open(folder, RETAIN_S, &k, &f), ERR_IO);
  ck_assert_msg(strstr(f.why, word) != NULL, "%s", f.why);
}

static void check_private(const char *path)
{
  struct stat st;
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0600);
}

START_TEST(token_keys_open_empty_folder_makes_private_key)
{
  umask(0);
  token_keys_free(opened());
  ck_assert_int_eq(each_file(check_private), 1);
}
END_TEST

START_TEST(token_keys_open_missing_folder_made_private)
{
  struct stat st;
  ck_assert_int_eq(rmdir(folder), 0);
  token_keys_free(opened());
  ck_assert_int_eq(stat(folder, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0700);
}
END_TEST

START_TEST(token_keys_open_again_same_key)
{
  char before[TOKEN_KID_LEN + 1], after[TOKEN_KID_LEN + 1];
  struct token_keys *k = opened();
  signer(k, before);
  token_keys_free(k);
  k = opened();
  signer(k, after);
  token_keys_free(k);
  ck_assert_str_eq(before, after);
}
END_TEST

/* OP-06 */
START_TEST(token_keys_jwks_public_members_only)
{
  static const char *const private[] = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"};
  struct token_keys *k = opened();
  json_t *set = published(k);
  json_t *key = json_array_get(json_object_get(set, "keys"), 0);
  for (size_t i = 0; i < sizeof private / sizeof *private; i++)
    ck_assert_ptr_null(json_object_get(key, private[i]));
  ck_assert_str_eq(json_string_value(json_object_get(key, "alg")), "RS256");
  ck_assert_int_eq(json_string_length(json_object_get(key, "kid")), TOKEN_KID_LEN);
  json_decref(set);
  token_keys_free(k);
}
END_TEST

START_TEST(token_keys_jwks_read_by_our_verifier)
{
  char kid[TOKEN_KID_LEN + 1];
  struct token_keys *k = opened();
  struct jwks *set;
  struct buf b;
  buf_init(&b, 100000);
  signer(k, kid);
  ck_assert_int_eq(token_keys_jwks(k, &b), ERR_OK);
  ck_assert_int_eq(jwks_parse(buf_str(&b), b.len, &set, NULL), ERR_OK);
  ck_assert(jwks_has_kid(set, kid));
  jwks_free(set);
  buf_clear(&b);
  token_keys_free(k);
}
END_TEST

/* OP-07 */
START_TEST(token_keys_rotate_published_before_it_signs)
{
  char first[TOKEN_KID_LEN + 1], second[TOKEN_KID_LEN + 1], now[TOKEN_KID_LEN + 1];
  struct token_keys *k = opened();
  signer(k, first);
  ck_assert_int_eq(token_keys_rotate(k, 300, second, NULL), ERR_OK);
  ck_assert_int_eq(published_count(k), 2);
  signer(k, now);
  ck_assert_str_eq(now, first);
  clock_shift_wall(301);
  signer(k, now);
  ck_assert_str_eq(now, second);
  ck_assert_int_eq(published_count(k), 2);
  token_keys_free(k);
}
END_TEST

START_TEST(token_keys_rotate_old_key_dropped_when_its_tokens_ended)
{
  struct token_keys *k = opened();
  ck_assert_int_eq(token_keys_rotate(k, 300, NULL, NULL), ERR_OK);
  token_keys_free(k);
  clock_shift_wall(300 + RETAIN_S - 10);
  k = opened();
  ck_assert_int_eq(published_count(k), 2);
  token_keys_free(k);
  clock_shift_wall(300 + RETAIN_S + 10);
  k = opened();
  ck_assert_int_eq(published_count(k), 1);
  ck_assert_int_eq(each_file(NULL), 1);
  token_keys_free(k);
}
END_TEST

START_TEST(token_keys_signer_clock_set_back_oldest_signs)
{
  char first[TOKEN_KID_LEN + 1], now[TOKEN_KID_LEN + 1];
  struct token_keys *k = opened();
  signer(k, first);
  clock_shift_wall(-100000);
  signer(k, now);
  ck_assert_str_eq(now, first);
  token_keys_free(k);
}
END_TEST

static void make_readable(const char *path)
{
  chmod(path, 0640);
}

START_TEST(token_keys_open_key_others_may_read_refused)
{
  token_keys_free(opened());
  each_file(make_readable);
  refused("chmod 600");
}
END_TEST

static void cut(const char *path)
{
  ck_assert_int_eq(truncate(path, 100), 0);
}

START_TEST(token_keys_open_damaged_key_refused)
{
  token_keys_free(opened());
  each_file(cut);
  refused("damaged");
}
END_TEST

static void rename_kid(const char *path)
{
  char to[400];
  snprintf(to, sizeof to, "%s", path);
  char *kid = strchr(strrchr(to, '/'), '-') + 1; /* the first character behind FROM- */
  *kid = *kid == 'A' ? 'B' : 'A';
  ck_assert_int_eq(rename(path, to), 0);
}

START_TEST(token_keys_open_key_under_another_name_refused)
{
  token_keys_free(opened());
  each_file(rename_kid);
  refused("damaged");
}
END_TEST

START_TEST(token_keys_open_leftover_of_a_crash_ignored)
{
  char path[96];
  snprintf(path, sizeof path, "%s/.new-key", folder);
  close(open(path, O_CREAT | O_WRONLY, 0600));
  token_keys_free(opened());
  ck_assert_int_eq(each_file(NULL), 1);
}
END_TEST

START_TEST(token_keys_open_folder_is_a_file_refused)
{
  ck_assert_int_eq(rmdir(folder), 0);
  close(open(folder, O_CREAT | O_WRONLY, 0600));
  refused("directory");
  unlink(folder);
  ck_assert_int_eq(mkdir(folder, 0700), 0);
}
END_TEST

START_TEST(token_keys_free_null_accepted)
{
  token_keys_free(NULL);
}
END_TEST

int main(void)
{
  TCase *t = tcase_create("token_keys");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, token_keys_open_empty_folder_makes_private_key);
  tcase_add_test(t, token_keys_open_missing_folder_made_private);
  tcase_add_test(t, token_keys_open_again_same_key);
  tcase_add_test(t, token_keys_jwks_public_members_only);
  tcase_add_test(t, token_keys_jwks_read_by_our_verifier);
  tcase_add_test(t, token_keys_rotate_published_before_it_signs);
  tcase_add_test(t, token_keys_rotate_old_key_dropped_when_its_tokens_ended);
  tcase_add_test(t, token_keys_signer_clock_set_back_oldest_signs);
  tcase_add_test(t, token_keys_open_key_others_may_read_refused);
  tcase_add_test(t, token_keys_open_damaged_key_refused);
  tcase_add_test(t, token_keys_open_key_under_another_name_refused);
  tcase_add_test(t, token_keys_open_leftover_of_a_crash_ignored);
  tcase_add_test(t, token_keys_open_folder_is_a_file_refused);
  tcase_add_test(t, token_keys_free_null_accepted);
  Suite *s = suite_create("token_keys");
  suite_add_tcase(s, t);
  return run(s);
}
