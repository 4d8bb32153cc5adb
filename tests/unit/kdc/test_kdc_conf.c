#include "conf.h"

#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct lab sample(void)
{
  struct lab lab = {.realm = "R.TEST", .upn_suffix = "u.test", .internal_domain = "r.test"};
  lab.kdc.listen = (struct lab_addr){"127.0.0.1", 9388};
  lab.kdc.connect = (struct lab_addr){"kdc", 88};
  lab.kdc.max_ticket_life_s = 600;
  lab.kdc.replicas = 1;
  return lab;
}

static void assert_has(const struct buf *b, const char *text)
{
  ck_assert_msg(strstr(buf_str(b), text) != NULL, "no \"%s\" in:\n%s", text, buf_str(b));
}

START_TEST(conf_kdc_names_module_listener_and_suffix)
{
  struct lab lab = sample();
  struct buf b;
  buf_init(&b, 32768);
  ck_assert_int_eq(conf_kdc(&lab, "/run/lab", "/module/dir", &b), ERR_OK);
  assert_has(&b, "kdc_listen = 127.0.0.1:9388\n");
  assert_has(&b, "kdc_tcp_listen = 127.0.0.1:9388\n");
  assert_has(&b, "database_name = /run/lab/kdc/principal\n");
  assert_has(&b, "db_module_dir = /module/dir\n");
  assert_has(&b, "upn_suffix = u.test\n");
  assert_has(&b, "max_life = 600s\n");
  assert_has(&b, "default_principal_flags = +preauth\n");
  ck_assert_ptr_null(strstr(buf_str(&b), "arcfour"));
  buf_clear(&b);
}
END_TEST

START_TEST(conf_kdc_directory_names_kldap_and_its_socket)
{
  struct lab lab = sample();
  struct buf b;
  lab.kdc.database = DATABASE_LDAP;
  buf_init(&b, 32768);
  ck_assert_int_eq(conf_kdc(&lab, "/run/my lab", "", &b), ERR_OK);
  assert_has(&b, "db_library = kldap\n");
  assert_has(&b, "ldap_servers = ldapi://%2Frun%2Fmy%20lab%2Fdirectory%2Fldapi\n");
  assert_has(&b, "key_stash_file = /run/my lab/kdc/stash\n");
  ck_assert_ptr_null(strstr(buf_str(&b), "db_module_dir"));
  buf_clear(&b);
}
END_TEST

START_TEST(conf_clients_makes_tickets_forwardable_without_dns)
{
  struct lab lab = sample();
  struct buf b;
  buf_init(&b, 32768);
  ck_assert_int_eq(conf_clients(&lab, &b), ERR_OK);
  assert_has(&b, "forwardable = true\n");
  assert_has(&b, "dns_lookup_kdc = false\n");
  assert_has(&b, "rdns = false\n");
  assert_has(&b, "kdc = kdc:88\n");
  assert_has(&b, "permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96\n");
  buf_clear(&b);
}
END_TEST

START_TEST(conf_clients_names_every_kdc)
{
  struct lab lab = sample();
  struct buf b;
  lab.port_base = 8440;
  lab.kdc.replicas = 3;
  buf_init(&b, 32768);
  ck_assert_int_eq(conf_clients(&lab, &b), ERR_OK);
  assert_has(&b, "    kdc = kdc:88\n    kdc = kdc:8454\n    kdc = kdc:8456\n  }\n");
  buf_clear(&b);
}
END_TEST

START_TEST(conf_kdc_second_has_a_file_and_an_address_of_its_own)
{
  struct lab lab = sample(), side;
  struct buf b;
  char path[64];
  lab.port_base = 8440;
  lab.kdc.replicas = 2;
  ck_assert_int_eq(lab_side(&lab, false, 1, &side), ERR_OK);
  conf_kdc_path(&lab, "/run", path, sizeof path);
  ck_assert_str_eq(path, "/run/kdc/kdc.conf");
  conf_kdc_path(&side, "/run", path, sizeof path);
  ck_assert_str_eq(path, "/run/kdc/kdc-2.conf");
  buf_init(&b, 32768);
  ck_assert_int_eq(conf_kdc(&side, "/run", "/module/dir", &b), ERR_OK);
  assert_has(&b, "kdc_listen = 127.0.0.1:8454\n");
  assert_has(&b, "kdc_tcp_listen = 127.0.0.1:8454\n");
  assert_has(&b, "database_name = /run/kdc/principal\n");
  buf_clear(&b);
  lab_side_clear(&side);
}
END_TEST

START_TEST(conf_clients_names_both_realms)
{
  struct lab lab = sample();
  struct buf b;
  lab.partner.realm = "P.TEST";
  lab.partner.internal_domain = "p.test";
  lab.partner.connect = (struct lab_addr){"kdc2", 89};
  buf_init(&b, 32768);
  ck_assert_int_eq(conf_clients(&lab, &b), ERR_OK);
  assert_has(&b, "  P.TEST = {\n    kdc = kdc2:89\n");
  assert_has(&b, "  .p.test = P.TEST\n");
  assert_has(&b, "  .r.test = R.TEST\n");
  buf_clear(&b);
}
END_TEST

START_TEST(conf_clients_ipv6_address_is_bracketed)
{
  struct lab lab = sample();
  struct buf b;
  lab.kdc.connect.host = "::1";
  buf_init(&b, 32768);
  ck_assert_int_eq(conf_clients(&lab, &b), ERR_OK);
  assert_has(&b, "kdc = [::1]:88\n");
  buf_clear(&b);
}
END_TEST

START_TEST(conf_write_same_contents_keeps_the_file)
{
  char dir[] = "/tmp/sevenstep-conf-XXXXXX", path[64];
  struct stat first, second;
  struct buf b;
  ck_assert_ptr_nonnull(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/x.conf", dir);
  buf_init(&b, 100);
  ck_assert_int_eq(buf_puts(&b, "one\n"), ERR_OK);
  ck_assert_int_eq(conf_write(path, &b, NULL), ERR_OK);
  ck_assert_int_eq(stat(path, &first), 0);
  ck_assert_int_eq(first.st_mode & 0777, 0600);
  ck_assert_int_eq(conf_write(path, &b, NULL), ERR_OK);
  ck_assert_int_eq(stat(path, &second), 0);
  ck_assert_uint_eq(first.st_ino, second.st_ino);
  ck_assert_int_eq(buf_puts(&b, "two\n"), ERR_OK);
  ck_assert_int_eq(conf_write(path, &b, NULL), ERR_OK);
  ck_assert_int_eq(stat(path, &second), 0);
  ck_assert_int_eq(second.st_size, 8);
  buf_clear(&b);
  unlink(path);
  rmdir(dir);
}
END_TEST

START_TEST(conf_module_dir_without_module_is_refused)
{
  char dir[4096];
  struct failure f;
  setenv("SEVENSTEP_KDB_DIR", "/nonexistent", 1);
  ck_assert_int_eq(conf_module_dir(dir, &f), ERR_CONFIG);
  unsetenv("SEVENSTEP_KDB_DIR");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("kdc_conf");
  TCase *t = tcase_create("conf");
  tcase_add_test(t, conf_kdc_names_module_listener_and_suffix);
  tcase_add_test(t, conf_kdc_directory_names_kldap_and_its_socket);
  tcase_add_test(t, conf_clients_makes_tickets_forwardable_without_dns);
  tcase_add_test(t, conf_clients_names_every_kdc);
  tcase_add_test(t, conf_kdc_second_has_a_file_and_an_address_of_its_own);
  tcase_add_test(t, conf_clients_names_both_realms);
  tcase_add_test(t, conf_clients_ipv6_address_is_bracketed);
  tcase_add_test(t, conf_write_same_contents_keeps_the_file);
  tcase_add_test(t, conf_module_dir_without_module_is_refused);
  suite_add_tcase(s, t);
  return run(s);
}
