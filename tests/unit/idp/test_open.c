#include "browser.h"
#include "suites.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[128];

static enum err reopen(struct failure *f)
{
  idp_close(&provider);
  return idp_open(&provider, provider_lab(), NULL, provider_folder, f);
}

static void overwrite(const char *name, const char *text)
{
  snprintf(path, sizeof path, "%s/%s", provider_folder, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

START_TEST(idp_open_files_are_private)
{
  static const char *const names[] = {"store.db", "form.key", "passwords", "keys"};
  struct stat st;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", provider_folder, names[i]);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 077, 0);
  }
}
END_TEST

START_TEST(idp_open_session_outlives_a_restart)
{
  struct failure f;
  authorize_with(hello_request(NULL));
  logon("alice", "alice-password");
  ck_assert_int_eq(reopen(&f), ERR_OK);
  authorize_with(hello_request(NULL));
  ck_assert(page_has_field("id_token"));
}
END_TEST

START_TEST(idp_open_damaged_store_set_aside)
{
  struct failure f;
  idp_close(&provider);
  overwrite("store.db",
            "this is no database, but it is longer than nothing at all, and stays so for a page or so");
  snprintf(path, sizeof path, "%s/store.db-wal", provider_folder);
  unlink(path);
  ck_assert_int_eq(idp_open(&provider, provider_lab(), NULL, provider_folder, &f), ERR_OK);
  snprintf(path, sizeof path, "%s/store.db.damaged", provider_folder);
  ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(idp_open_short_form_key_made_anew)
{
  struct failure f;
  overwrite("form.key", "short");
  ck_assert_int_eq(reopen(&f), ERR_OK);
  struct stat st;
  snprintf(path, sizeof path, "%s/form.key", provider_folder);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_size, IDP_SECRET_LEN);
}
END_TEST

START_TEST(idp_open_folder_missing_parent_refused)
{
  struct idp other;
  struct failure f = {0};
  ck_assert_int_eq(idp_open(&other, provider_lab(), NULL, "/nonexistent/idp", &f), ERR_IO);
  ck_assert_ptr_nonnull(strstr(f.why, "/nonexistent/idp"));
}
END_TEST

START_TEST(idp_random_text_never_the_same)
{
  char a[IDP_SECRET_TEXT + 1], b[IDP_SECRET_TEXT + 1];
  idp_random_text(a);
  idp_random_text(b);
  ck_assert_uint_eq(strlen(a), IDP_SECRET_TEXT);
  ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(idp_ready_and_metrics_tell)
{
  struct buf b;
  buf_init(&b, 65536);
  ck_assert(idp_ready(&provider, &b));
  idp_count(&provider, COUNT_LOGON_OK);
  idp_metrics(&provider, &b);
  ck_assert_ptr_nonnull(strstr(buf_str(&b), "sevenstep_idp_logons_total{result=\"ok\"} 1\n"));
  ck_assert_ptr_nonnull(strstr(buf_str(&b), "sevenstep_idp_store_records 0\n"));
  buf_clear(&b);
}
END_TEST

START_TEST(idp_refuse_page_names_the_error)
{
  answer = (struct httpd_response){.status = 200};
  fields_init(&answer.fields, 32, 65536);
  buf_init(&answer.body, 1 << 20);
  idp_refuse(404, "no such page: <x>", &answer);
  ck_assert_int_eq(answer.status, 404);
  ck_assert_str_eq(answer_error(), "not_found");
  ck_assert(!answer_has("<x>"));
}
END_TEST

Suite *open_suite(void)
{
  Suite *s = suite_create("open");
  TCase *t = tcase_create("open");
  tcase_add_checked_fixture(t, provider_setup, provider_teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, idp_open_files_are_private);
  tcase_add_test(t, idp_open_session_outlives_a_restart);
  tcase_add_test(t, idp_open_damaged_store_set_aside);
  tcase_add_test(t, idp_open_short_form_key_made_anew);
  tcase_add_test(t, idp_open_folder_missing_parent_refused);
  tcase_add_test(t, idp_random_text_never_the_same);
  tcase_add_test(t, idp_ready_and_metrics_tell);
  tcase_add_test(t, idp_refuse_page_names_the_error);
  suite_add_tcase(s, t);
  return s;
}
