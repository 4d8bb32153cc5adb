/* Requests, certificates and hello, pure: what is signed and taken, and each reason to refuse. */
#include "authority.h"
#include "csr.h"
#include "hello.h"
#include "run.h"
#include "secret_file.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHALLENGE "the challenge of this exchange"

static char folder[64], crt[96], pem[96];
static struct authority *authority;
static struct buf key, csr, der;
static struct failure f;

static void open_authority(void)
{
  ck_assert_int_eq(authority_open(crt, pem, &authority, &f), ERR_OK);
}

static void setup(void)
{
  strcpy(folder, "/tmp/sevenstep-enroll-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(crt, sizeof crt, "%s/ca.crt", folder);
  snprintf(pem, sizeof pem, "%s/ca.key", folder);
  buf_init(&key, CSR_KEY_MAX);
  buf_init(&csr, CSR_MAX + 1);
  buf_init(&der, CERTIFICATE_MAX);
  open_authority();
}

static void teardown(void)
{
  authority_free(authority);
  unlink(crt);
  unlink(pem);
  rmdir(folder);
  buf_wipe(&key);
  buf_clear(&csr);
  buf_clear(&der);
}

static enum err sign(const char *name, const char *challenge)
{
  struct certificate c = {.group = "default", .tenant = "example.test", .from_s = 1000, .until_s = 2000};
  snprintf(c.name, sizeof c.name, "%s", name);
  buf_reset(&der);
  return authority_sign(authority, csr.data, csr.len, challenge, &c, &der, &f);
}

/* A request as csr_new() makes it, but with this key, digest and further name. */
static void request(EVP_PKEY *pkey, const EVP_MD *digest, const char *organization)
{
  unsigned char *out = NULL;
  X509_REQ *q = X509_REQ_new();
  X509_NAME *name = X509_NAME_new();
  ck_assert_ptr_nonnull(pkey);
  ck_assert(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"c1", -1, -1, 0));
  if (organization)
    ck_assert(
        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)organization, -1, -1, 0));
  ck_assert(X509_REQ_set_subject_name(q, name));
  ck_assert(X509_REQ_set_pubkey(q, pkey));
  ck_assert(
      X509_REQ_add1_attr_by_txt(q, "challengePassword", MBSTRING_ASC, (const unsigned char *)CHALLENGE, -1));
  ck_assert_int_gt(X509_REQ_sign(q, pkey, digest), 0);
  int n = i2d_X509_REQ(q, &out);
  ck_assert_int_gt(n, 0);
  buf_reset(&csr);
  ck_assert_int_eq(buf_append(&csr, out, (size_t)n), ERR_OK);
  OPENSSL_free(out);
  X509_NAME_free(name);
  X509_REQ_free(q);
  EVP_PKEY_free(pkey);
}

START_TEST(sign_good_request_names_connector_group_and_tenant)
{
  struct certificate c;
  ck_assert_int_eq(csr_new("c1", CHALLENGE, &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_OK);
  ck_assert_int_eq(certificate_read(der.data, der.len, &c, &f), ERR_OK);
  ck_assert_str_eq(c.name, "c1");
  ck_assert_str_eq(c.group, "default");
  ck_assert_str_eq(c.tenant, "example.test");
  ck_assert_int_eq(c.from_s, 1000);
  ck_assert_int_eq(c.until_s, 2000);
  ck_assert_uint_eq(strlen(c.serial), 32);
}
END_TEST

START_TEST(sign_request_of_another_name_refused)
{
  ck_assert_int_eq(csr_new("c2", CHALLENGE, &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
}
END_TEST

START_TEST(sign_request_of_another_exchange_refused)
{
  ck_assert_int_eq(csr_new("c1", CHALLENGE, &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(sign("c1", "the challenge of another one"), ERR_REGISTRATION_POSSESSION);
  ck_assert_uint_eq(der.len, 0);
}
END_TEST

/* Each byte of the request matters: to its form, its challenge, or its signature. */
START_TEST(sign_changed_request_refused)
{
  ck_assert_int_eq(csr_new("c1", CHALLENGE, &key, &csr, &f), ERR_OK);
  for (size_t i = 0; i < csr.len; i++) {
    csr.data[i] ^= 1;
    enum err e = sign("c1", CHALLENGE);
    ck_assert_msg(e == ERR_REGISTRATION_REQUEST || e == ERR_REGISTRATION_POSSESSION, "byte %zu: %d", i,
                  (int)e);
    csr.data[i] ^= 1;
  }
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_OK);
}
END_TEST

START_TEST(sign_truncated_or_longer_request_refused)
{
  ck_assert_int_eq(csr_new("c1", CHALLENGE, &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(buf_putc(&csr, 0), ERR_OK);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
  csr.len -= 2;
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
  csr.len = 0;
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
}
END_TEST

START_TEST(sign_request_beyond_the_limit_refused)
{
  while (csr.len <= CSR_MAX)
    ck_assert_int_eq(buf_putc(&csr, 0x30), ERR_OK);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
}
END_TEST

START_TEST(sign_subject_with_more_than_a_name_refused)
{
  request(EVP_EC_gen("P-256"), EVP_sha256(), "another.test");
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
}
END_TEST

START_TEST(sign_key_rsa_2048_taken)
{
  request(EVP_RSA_gen(2048), EVP_sha256(), NULL);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_OK);
}
END_TEST

START_TEST(sign_key_rsa_1024_refused)
{
  request(EVP_RSA_gen(1024), EVP_sha256(), NULL);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
}
END_TEST

START_TEST(sign_key_of_another_curve_refused)
{
  request(EVP_EC_gen("P-384"), EVP_sha256(), NULL);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
}
END_TEST

START_TEST(sign_digest_sha1_refused)
{
  request(EVP_RSA_gen(2048), EVP_sha1(), NULL);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_REGISTRATION_REQUEST);
}
END_TEST

START_TEST(join_certificate_for_another_key_or_name_refused)
{
  struct buf other, out;
  buf_init(&other, CSR_KEY_MAX);
  buf_init(&out, CSR_KEY_MAX);
  ck_assert_int_eq(csr_new("c1", CHALLENGE, &other, &csr, &f), ERR_OK);
  buf_reset(&csr);
  ck_assert_int_eq(csr_new("c1", CHALLENGE, &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(sign("c1", CHALLENGE), ERR_OK);
  ck_assert_int_eq(certificate_join(der.data, der.len, &other, "c1", &out, &f), ERR_CONNECTOR_CERTIFICATE);
  ck_assert_int_eq(certificate_join(der.data, der.len, &key, "c2", &out, &f), ERR_CONNECTOR_CERTIFICATE);
  ck_assert_int_eq(certificate_join(der.data, der.len - 1, &key, "c1", &out, &f), ERR_CONNECTOR_CERTIFICATE);
  ck_assert_uint_eq(out.len, 0);
  ck_assert_int_eq(certificate_join(der.data, der.len, &key, "c1", &out, &f), ERR_OK);
  buf_wipe(&other);
  buf_clear(&out);
}
END_TEST

START_TEST(authority_opened_again_is_the_same_and_for_its_owner_only)
{
  struct stat st;
  struct buf before, after;
  buf_init(&before, 8192);
  buf_init(&after, 8192);
  ck_assert_int_eq(secret_file_read(crt, &before, &f), ERR_OK);
  authority_free(authority);
  open_authority();
  ck_assert_int_eq(secret_file_read(crt, &after, &f), ERR_OK);
  ck_assert_str_eq(buf_str(&before), buf_str(&after));
  ck_assert_int_eq(stat(pem, &st), 0);
  ck_assert_int_eq(st.st_mode & 0777, 0600);
  buf_clear(&before);
  buf_clear(&after);
}
END_TEST

START_TEST(authority_whose_key_others_may_read_is_refused)
{
  struct authority *a;
  ck_assert_int_eq(chmod(pem, 0640), 0);
  ck_assert_int_eq(authority_open(crt, pem, &a, &f), ERR_IO);
}
END_TEST

START_TEST(authority_whose_key_is_another_one_is_refused)
{
  struct authority *a;
  ck_assert_int_eq(csr_new("c1", CHALLENGE, &key, &csr, &f), ERR_OK);
  ck_assert_int_eq(secret_file_write(pem, key.data, key.len, &f), ERR_OK);
  ck_assert_int_eq(authority_open(crt, pem, &a, &f), ERR_IO);
}
END_TEST

START_TEST(hello_written_is_read_again)
{
  struct hello a, b;
  struct buf text;
  hello_init(&a);
  hello_init(&b);
  buf_init(&text, HELLO_MAX);
  strcpy(a.name, "connector-1");
  strcpy(a.group, "default");
  strcpy(a.tenant, "example.test");
  strcpy(a.version, "0.1.0");
  memset(a.token, 'x', TOKEN_LEN);
  ck_assert_int_eq(csr_new("connector-1", CHALLENGE, &key, &a.csr, &f), ERR_OK);
  ck_assert_int_eq(hello_write(&a, &text), ERR_OK);
  ck_assert_int_eq(hello_read(buf_str(&text), text.len, &b, &f), ERR_OK);
  ck_assert_str_eq(b.name, a.name);
  ck_assert_str_eq(b.tenant, a.tenant);
  ck_assert_str_eq(b.token, a.token);
  ck_assert_uint_eq(b.csr.len, a.csr.len);
  ck_assert_mem_eq(b.csr.data, a.csr.data, a.csr.len);
  hello_clear(&a);
  hello_clear(&b);
  buf_wipe(&text);
}
END_TEST

#define HEAD  "{\"name\":\"c1\",\"group\":\"g\",\"tenant\":\"t\",\"version\":\"1\""
#define TOKEN "\"token\":\"abcdefghijabcdefghijabcdefghijabcdefghijabc\""

static const char *const bad_hellos[] = {
    "",
    "{}",
    "[]",
    HEAD,
    "{\"name\":\"c1\",\"group\":\"g\",\"tenant\":\"t\"}",
    "{\"name\":\"\",\"group\":\"g\",\"tenant\":\"t\",\"version\":\"1\"}",
    "{\"name\":\"C1\",\"group\":\"g\",\"tenant\":\"t\",\"version\":\"1\"}",
    "{\"name\":\"../c1\",\"group\":\"g\",\"tenant\":\"t\",\"version\":\"1\"}",
    "{\"name\":\"c1\\u0000\",\"group\":\"g\",\"tenant\":\"t\",\"version\":\"1\"}",
    "{\"name\":1,\"group\":\"g\",\"tenant\":\"t\",\"version\":\"1\"}",
    "{\"name\":\"c1\",\"name\":\"c1\",\"group\":\"g\",\"tenant\":\"t\",\"version\":\"1\"}",
    HEAD ",\"more\":1}",
    HEAD "," TOKEN "}",
    HEAD "," TOKEN ",\"csr\":\"\"}",
    HEAD "," TOKEN ",\"csr\":\"!\"}",
    HEAD ",\"token\":\"short\",\"csr\":\"AAAA\"}",
    HEAD "," TOKEN ",\"csr\":\"AAAA\"} more",
};

START_TEST(hello_malformed_is_refused)
{
  struct hello h;
  hello_init(&h);
  ck_assert_int_eq(hello_read(bad_hellos[_i], strlen(bad_hellos[_i]), &h, &f), ERR_SYNTAX);
  hello_clear(&h);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("enroll");
  TCase *c = tcase_create("enroll");
  tcase_set_timeout(c, 60);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, sign_good_request_names_connector_group_and_tenant);
  tcase_add_test(c, sign_request_of_another_name_refused);
  tcase_add_test(c, sign_request_of_another_exchange_refused);
  tcase_add_test(c, sign_changed_request_refused);
  tcase_add_test(c, sign_truncated_or_longer_request_refused);
  tcase_add_test(c, sign_request_beyond_the_limit_refused);
  tcase_add_test(c, sign_subject_with_more_than_a_name_refused);
  tcase_add_test(c, sign_key_rsa_2048_taken);
  tcase_add_test(c, sign_key_rsa_1024_refused);
  tcase_add_test(c, sign_key_of_another_curve_refused);
  tcase_add_test(c, sign_digest_sha1_refused);
  tcase_add_test(c, join_certificate_for_another_key_or_name_refused);
  tcase_add_test(c, authority_opened_again_is_the_same_and_for_its_owner_only);
  tcase_add_test(c, authority_whose_key_others_may_read_is_refused);
  tcase_add_test(c, authority_whose_key_is_another_one_is_refused);
  tcase_add_test(c, hello_written_is_read_again);
  tcase_add_loop_test(c, hello_malformed_is_refused, 0, sizeof bad_hellos / sizeof bad_hellos[0]);
  suite_add_tcase(suite, c);
  return run(suite);
}
