/* What connections to applications are checked by: contexts for TLS, and files of authorities. */
#include "origin_tls.h"
#include "connector.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct lab no_lab;
static struct connector connector = {.lab = &no_lab};

/* Users choose labels: what is kept for each would grow without end. */
START_TEST(hosts_behind_a_wildcard_share_a_context_and_others_do_not)
{
  struct origin_tls *t;
  struct tls_ctx *a, *b, *other;
  struct failure f;
  struct lab_app of_a = {.label = "a", .internal_url = {.scheme = "https", .host = "a.corp", .port = 443}},
                 of_b = {.label = "b", .internal_url = {.scheme = "https", .host = "b.corp", .port = 443}},
                 plain = {.internal_url = {.scheme = "https", .host = "a.corp", .port = 443}};
  ck_assert_int_eq(origin_tls_new(&connector, &t, &f), ERR_OK);
  ck_assert_int_eq(origin_tls_get(t, &of_a, &a, &f), ERR_OK);
  ck_assert_int_eq(origin_tls_get(t, &of_b, &b, &f), ERR_OK);
  ck_assert_int_eq(origin_tls_get(t, &plain, &other, &f), ERR_OK);
  ck_assert_ptr_eq(a, b);
  ck_assert_ptr_ne(a, other);
  of_b.internal_url.host = "b.other";
  ck_assert_int_eq(origin_tls_get(t, &of_b, &b, &f), ERR_OK);
  ck_assert_ptr_ne(a, b);
  origin_tls_free(t);
}
END_TEST

/* -- authorities -------------------------------------------------------------------------------------------
 */

static char authority[64]; /* a PEM file of this test's */

static void write_authority(bool good)
{
  static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                    "MIIBHzCBxwIUMu5OWwZWnfrIvaiBrhn8WYgX4MIwCgYIKoZIzj0EAwIwEjEQMA4G\n"
                                    "A1UEAwwHVGVzdCBDQTAgFw0yNjExMjcwMDEwMjNaGA8yMTI2MTEwMzAwMTAyM1ow\n"
                                    "EjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBKz\n"
                                    "ezRKWou+S+0PEIzFMQWIpKTP3dK4OohwE6CfyshfQlgwPRjYfeymH54jE0OyM4PR\n"
                                    "/47cFOMu8VjKB7LZw5wwCgYIKoZIzj0EAwIDRwAwRAIgTHNfh/aYIiEdKlnL7bSy\n"
                                    "MAcT+QE1yqegQ9HnVOviFQgCIAV5SkidSLe4gD8kTR0V/m1mCH6LzMOlpo+VfVc8\n"
                                    "D++G\n"
                                    "-----END CERTIFICATE-----\n";
  FILE *file = fopen(authority, "we");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(good ? certificate : "nothing\n", file), 0);
  ck_assert_int_eq(fclose(file), 0);
}

static struct lab_app secure_app(const char *host)
{
  return (struct lab_app){.name = host,
                          .validate_certificate = true,
                          .backend_ca = authority,
                          .internal_url = {.scheme = "https", .host = host, .port = 443}};
}

static void open_authority(struct origin_tls **ret)
{
  struct failure f;
  strcpy(authority, "/tmp/sevenstep-authority-XXXXXX");
  close(mkstemp(authority));
  write_authority(true);
  ck_assert_int_eq(origin_tls_new(&connector, ret, &f), ERR_OK);
}

static void close_authority(struct origin_tls *t)
{
  origin_tls_free(t);
  unlink(authority);
}

START_TEST(file_of_authorities_is_read_once_for_all_applications)
{
  struct origin_tls *t;
  struct tls_ctx *a, *b;
  struct failure f;
  struct lab_app one = secure_app("one.corp"), two = secure_app("two.corp");
  open_authority(&t);
  ck_assert_msg(origin_tls_get(t, &one, &a, &f) == ERR_OK, "%s", f.why);
  write_authority(false);
  ck_assert_int_eq(origin_tls_get(t, &two, &b, &f), ERR_OK);
  ck_assert_ptr_ne(a, b);
  close_authority(t);
}
END_TEST

START_TEST(reload_reads_a_file_again_and_keeps_what_it_had_when_that_is_wrong)
{
  struct origin_tls *t;
  struct tls_ctx *ctx;
  struct failure f;
  struct lab_app one = secure_app("one.corp");
  const struct lab published = {.published = &one, .n_published = 1};
  open_authority(&t);
  ck_assert_int_eq(origin_tls_get(t, &one, &ctx, &f), ERR_OK);
  ck_assert_int_eq(origin_tls_reload(t, &published, &f), ERR_OK);
  write_authority(false);
  ck_assert_int_eq(origin_tls_reload(t, &published, &f), ERR_TLS);
  ck_assert_ptr_nonnull(strstr(f.why, authority));
  ck_assert_int_eq(origin_tls_get(t, &one, &ctx, &f), ERR_OK);
  close_authority(t);
}
END_TEST

/* An application that is added later is to get what is there then. */
START_TEST(reload_leaves_files_that_nobody_needs_until_somebody_does)
{
  struct origin_tls *t;
  struct tls_ctx *ctx;
  struct failure f;
  struct lab_app one = secure_app("one.corp");
  const struct lab nothing = {.n_published = 0};
  open_authority(&t);
  ck_assert_int_eq(origin_tls_get(t, &one, &ctx, &f), ERR_OK);
  write_authority(false);
  ck_assert_int_eq(origin_tls_reload(t, &nothing, &f), ERR_OK);
  ck_assert_int_eq(origin_tls_get(t, &one, &ctx, &f), ERR_TLS);
  write_authority(true);
  ck_assert_int_eq(origin_tls_get(t, &one, &ctx, &f), ERR_OK);
  close_authority(t);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("origin_tls");
  TCase *c = tcase_create("origin_tls");
  tcase_add_test(c, hosts_behind_a_wildcard_share_a_context_and_others_do_not);
  tcase_add_test(c, file_of_authorities_is_read_once_for_all_applications);
  tcase_add_test(c, reload_reads_a_file_again_and_keeps_what_it_had_when_that_is_wrong);
  tcase_add_test(c, reload_leaves_files_that_nobody_needs_until_somebody_does);
  suite_add_tcase(suite, c);
  return run(suite);
}
