#include "conf.h"

#include "ldap_realm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* AES alone (RFC 8429): in the keys that are made, and in the sessions that may be asked for. */
#define ENCTYPES "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96"

static enum err put_address(struct buf *out, const char *before, const struct lab_addr *a)
{
  bool v6 = strchr(a->host, ':') != NULL;
  return buf_printf(out, "%s%s%s%s:%u\n", before, v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
}

const char *conf_kdc_folder(const struct lab *lab)
{
  return lab->is_partner ? "partner-kdc" : "kdc";
}

/* db2 by way of our module, which lies in module_dir; or kldap as it is, whom the kernel names to slapd. */
static enum err put_database(const struct lab *lab, const char *run, const char *module_dir, struct buf *out)
{
  if (lab->kdc.database == DATABASE_DB2)
    return buf_printf(out,
                      "  db_module_dir = %s\n"
                      "  %s = {\n"
                      "    db_library = sevenstep\n"
                      "    database_name = %s/%s/principal\n",
                      module_dir, lab->realm, run, conf_kdc_folder(lab));
  enum err e = buf_printf(out, "  %s = {\n    db_library = kldap\n    ldap_servers = ", lab->realm);
  if (!e) e = lab_directory_uri(run, out);
  return e ? e
           : buf_puts(out, "\n"
                           "    ldap_kerberos_container_dn = " LDAP_BASE "\n"
                           "    ldap_kdc_sasl_mech = EXTERNAL\n"
                           "    ldap_kadmind_sasl_mech = EXTERNAL\n");
}

static enum err put_kdc_realm(const struct lab *lab, const char *run, struct buf *out)
{
  return buf_printf(out,
                    "[libdefaults]\n"
                    "  permitted_enctypes = " ENCTYPES "\n"
                    "[realms]\n"
                    "  %s = {\n"
                    "    database_module = %s\n"
                    "    key_stash_file = %s/%s/stash\n"
                    "    master_key_type = aes256-cts-hmac-sha1-96\n"
                    "    supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n"
                    "    max_life = %us\n"
                    "    max_renewable_life = 0s\n"
                    "    default_principal_flags = +preauth\n"
                    "    upn_suffix = %s\n"
                    "  }\n",
                    lab->realm, lab->realm, run, conf_kdc_folder(lab), lab->kdc.max_ticket_life_s,
                    lab->upn_suffix);
}

void conf_kdc_path(const struct lab *lab, const char *run, char *out, size_t size)
{
  const char *name = lab->is_partner ? "kdc" : lab_kdc(lab, lab->which).name;
  snprintf(out, size, "%s/%s/%s.conf", run, conf_kdc_folder(lab), name);
}

enum err conf_kdc(const struct lab *lab, const char *run, const char *module_dir, struct buf *out)
{
  enum err e = buf_puts(
      out, "# Written by sevenstep-kdc from the lab file; changes are overwritten.\n[kdcdefaults]\n");
  if (!e) e = put_address(out, "  kdc_listen = ", &lab->kdc.listen);
  if (!e) e = put_address(out, "  kdc_tcp_listen = ", &lab->kdc.listen);
  if (!e) e = put_kdc_realm(lab, run, out);
  if (!e) e = buf_puts(out, "[dbmodules]\n");
  if (!e) e = put_database(lab, run, module_dir, out);
  return e ? e
           : buf_puts(out, "    disable_last_success = true\n"
                           "  }\n"
                           "[plugins]\n"
                           "  kdcpreauth = {\n"
                           "    disable = spake\n"
                           "  }\n"
                           "[logging]\n"
                           "  kdc = STDERR\n");
}

static enum err put_realm(const struct lab *lab, struct buf *out)
{
  enum err e = buf_printf(out, "  %s = {\n", lab->realm);
  for (unsigned which = 0; which < lab->kdc.replicas && !e; which++) {
    struct lab_kdc k = lab_kdc(lab, which);
    e = put_address(out, "    kdc = ", &k.connect);
  }
  return e ? e : buf_puts(out, "  }\n");
}

static enum err put_partner(const struct lab *lab, struct buf *out)
{
  enum err e = buf_printf(out, "  %s = {\n", lab->partner.realm);
  if (!e) e = put_address(out, "    kdc = ", &lab->partner.connect);
  return e ? e : buf_puts(out, "  }\n");
}

static enum err put_domain(struct buf *out, const char *domain, const char *realm)
{
  return buf_printf(out, "  .%s = %s\n  %s = %s\n", domain, realm, domain, realm);
}

/* forwardable is what S4U2Proxy needs; UDP first is faster under load, and large or unanswered messages go by
 * TCP. Several KDCs are tried in order. */
enum err conf_clients(const struct lab *lab, struct buf *out)
{
  enum err e = buf_printf(out,
                          "# Written by sevenstep-kdc from the lab file; changes are overwritten.\n"
                          "[libdefaults]\n"
                          "  default_realm = %s\n"
                          "  dns_lookup_kdc = false\n"
                          "  dns_lookup_realm = false\n"
                          "  dns_canonicalize_hostname = false\n"
                          "  dns_uri_lookup = false\n"
                          "  rdns = false\n"
                          "  forwardable = true\n"
                          "  permitted_enctypes = " ENCTYPES "\n"
                          "  udp_preference_limit = 32700\n"
                          "  kdc_timesync = 1\n"
                          "  clockskew = 300\n"
                          "[realms]\n",
                          lab->realm);
  bool two = lab->partner.realm != NULL;
  if (!e) e = put_realm(lab, out);
  if (!e && two) e = put_partner(lab, out);
  if (!e) e = buf_puts(out, "[domain_realm]\n");
  if (!e) e = put_domain(out, lab->internal_domain, lab->realm);
  if (!e && two) e = put_domain(out, lab->partner.internal_domain, lab->partner.realm);
  return e;
}

static bool same_contents(const char *path, const struct buf *text)
{
  FILE *f = fopen(path, "rbe");
  if (!f) return false;
  char *have = malloc(text->len + 1);
  bool same =
      have && fread(have, 1, text->len + 1, f) == text->len && memcmp(have, buf_str(text), text->len) == 0;
  free(have);
  fclose(f);
  return same;
}

enum err conf_write(const char *path, const struct buf *text, struct failure *f)
{
  if (same_contents(path, text)) return ERR_OK;
  char temp[4096 + 160];
  snprintf(temp, sizeof temp, "%s.new", path);
  int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failure_set(f, ERR_IO, "%s: %s", temp, strerror(errno));
  bool ok = fchmod(fd, 0600) == 0 && write(fd, buf_str(text), text->len) == (ssize_t)text->len;
  ok = close(fd) == 0 && ok;
  if (ok && rename(temp, path) == 0) return ERR_OK;
  return failure_set(f, ERR_IO, "%s: %s", path, strerror(errno));
}

static bool has_module(const char *dir)
{
  char path[4096 + 32];
  snprintf(path, sizeof path, "%s/sevenstep.so", dir);
  return access(path, R_OK) == 0;
}

enum err conf_module_dir(char out[4096], struct failure *f)
{
  static const char *const beside[] = {"../lib/kdb", "../lib/sevenstep/kdb"};
  const char *given = getenv("SEVENSTEP_KDB_DIR");
  if (given) {
    if (!realpath(given, out) || !has_module(out))
      return failure_set(f, ERR_CONFIG, "SEVENSTEP_KDB_DIR: there is no sevenstep.so in %s", given);
    return ERR_OK;
  }
  char self[2048], path[4096];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n < 0) return failure_set(f, ERR_IO, "/proc/self/exe: %s", strerror(errno));
  self[n] = '\0';
  char *slash = strrchr(self, '/');
  if (slash) *slash = '\0';
  for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
    snprintf(path, sizeof path, "%s/%s", self, beside[i]);
    if (realpath(path, out) && has_module(out)) return ERR_OK;
  }
  return failure_set(f, ERR_CONFIG, "the KDC's database module, sevenstep.so, is not in ../lib/kdb beside %s",
                     self);
}
