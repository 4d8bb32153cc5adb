#include "kdc_lab.h"

#include "program.h"
#include "provision.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct lab_user users[] = {
    {.name = "alice", .upn = "alice@test", .password = "alice-password", .enabled = true},
    {.name = "bob", .upn = "bob@test", .password = "bob-password", .enabled = true},
    {.name = "carol", .upn = "carol@test", .password = "carol-password", .enabled = false},
    {.name = "dave", .upn = "dave@test", .password = "dave-password", .enabled = true, .sensitive = true},
};

static const char *actors[] = {"connector-2"};

static struct lab_app apps[] = {
    {.name = "hello",
     .title = "Hello",
     .internal_url = {.host = "hello.corp.test"},
     .translate_headers = true,
     .spn = SPN("hello"),
     .sso = SSO_KCD},
    {.name = "ledger",
     .title = "Ledger",
     .internal_url = {.host = "ledger.corp.test"},
     .translate_headers = true,
     .spn = SPN("ledger"),
     .sso = SSO_KCD},
    {.name = "vault",
     .title = "Vault",
     .internal_url = {.host = "vault.corp.test"},
     .translate_headers = true,
     .spn = SPN("vault"),
     .sso = SSO_KCD},
    {.name = "shared",
     .title = "Shared",
     .internal_url = {.host = "shared.corp.test"},
     .translate_headers = true,
     .spn = SPN("shared"),
     .allowed_to_act = {actors, 1},
     .sso = SSO_KCD},
    {.name = "public",
     .title = "Public",
     .internal_url = {.host = "public.corp.test"},
     .translate_headers = true,
     .preauth = PREAUTH_PASSTHRU},
};

static const char *delegate_to[] = {SPN("hello"), SPN("ledger")};

static struct lab_connector connectors[] = {
    {.name = "connector-1",
     .realm = REALM,
     .principal = SPN("connector-1"),
     .allowed_to_delegate_to = {delegate_to, 2},
     .ok_to_auth_as_delegate = true},
    {.name = "connector-2", .realm = REALM, .principal = SPN("connector-2")}, /* may do nothing of itself */
};

static bool is_free(uint16_t port)
{
  struct sockaddr_in a = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
      tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool free_there =
      bind(udp, (struct sockaddr *)&a, sizeof a) == 0 && bind(tcp, (struct sockaddr *)&a, sizeof a) == 0;
  close(udp);
  close(tcp);
  return free_there;
}

uint16_t kdc_lab_free_port(void)
{
  /* Programs run side by side: begin in different places. */
  static unsigned next;
  for (unsigned i = 0; i < 100; i++) {
    uint16_t port = (uint16_t)(9300 + ((unsigned)getpid() * 7 + next++) % 100);
    if (is_free(port)) return port;
  }
  ck_abort_msg("no free port from 9300 to 9399");
}

const char *kdc_lab_path(const struct kdc_lab *l, const char *name)
{
  static char paths[8][256];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", l->run, name);
  return path;
}

void kdc_lab_make(struct kdc_lab *l)
{
  const char *tmp = getenv("TMPDIR");
  struct failure f = {0};
  memset(l, 0, sizeof *l);
  l->kdc = -1;
  snprintf(l->run, sizeof l->run, "%s/sevenstep-kdc-XXXXXX", tmp ? tmp : "/tmp");
  ck_assert_ptr_nonnull(mkdtemp(l->run));
  l->lab = (struct lab){.realm = REALM, .upn_suffix = UPN_SUFFIX, .internal_domain = "corp.test"};
  l->lab.refs = 1;
  l->lab.kdc.listen = (struct lab_addr){"127.0.0.1", kdc_lab_free_port()};
  l->lab.kdc.connect = l->lab.kdc.listen;
  l->lab.kdc.max_ticket_life_s = 36000;
  l->lab.kdc.replicas = 1;
  l->lab.users = users;
  l->lab.n_users = sizeof users / sizeof *users;
  l->lab.apps = apps;
  l->lab.n_apps = sizeof apps / sizeof *apps;
  l->lab.published = l->lab.apps;
  l->lab.n_published = l->lab.n_apps;
  l->lab.connectors = connectors;
  l->lab.n_connectors = sizeof connectors / sizeof *connectors;
  signal(SIGPIPE, SIG_IGN);
  ck_assert_msg(provision_environment(&l->lab, l->run, &f) == ERR_OK, "%s", f.why);
  kdc_lab_provision(l);
}

void kdc_lab_provision(struct kdc_lab *l)
{
  struct provision_result r;
  struct failure f = {0};
  ck_assert_msg(provision(&l->lab, l->run, &r, &f) == ERR_OK, "%s", f.why);
}

static bool file_has(const char *path, const char *text)
{
  char have[8192] = "";
  FILE *f = fopen(path, "re");
  if (!f) return false;
  size_t n = fread(have, 1, sizeof have - 1, f);
  have[n] = '\0';
  fclose(f);
  return strstr(have, text) != NULL;
}

void kdc_lab_start(struct kdc_lab *l)
{
  const char *const argv[] = {"krb5kdc", "-n", "-r", REALM, NULL};
  const char *log = kdc_lab_path(l, "kdc.log");
  struct failure f = {0};
  int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ck_assert_int_ge(fd, 0);
  ck_assert_msg(program_start(argv, -1, fd, fd, &l->kdc, &f) == ERR_OK, "%s", f.why);
  close(fd);
  for (int i = 0; !file_has(log, "commencing operation"); i++) {
    struct timespec moment = {.tv_nsec = 2000000};
    ck_assert_msg(i < 5000 && waitpid(l->kdc, NULL, WNOHANG) == 0, "krb5kdc does not start; see %s", log);
    nanosleep(&moment, NULL);
  }
}

void kdc_lab_stop(struct kdc_lab *l)
{
  if (l->kdc < 0) return;
  kill(l->kdc, SIGCONT);
  kill(l->kdc, SIGTERM);
  while (waitpid(l->kdc, NULL, 0) < 0 && errno == EINTR)
    ;
  l->kdc = -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

void kdc_lab_remove(struct kdc_lab *l)
{
  kdc_lab_stop(l);
  if (l->run[0]) nftw(l->run, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void kdc_lab_admin(const char *command)
{
  const char *const argv[] = {"kadmin.local", "-r", REALM, "-q", command, NULL};
  struct program_output out;
  struct failure f = {0};
  ck_assert_msg(program_run(argv, "", &out, &f) == ERR_OK, "%s", f.why);
  ck_assert_msg(out.status == 0, "kadmin.local -q '%s': %s", command, out.text);
}

struct krb_delegator *kdc_lab_delegator(const struct kdc_lab *l)
{
  struct krb_delegator_config c = {.keytab = kdc_lab_path(l, "keytabs/connector-1.keytab"),
                                   .principal = SPN("connector-1"),
                                   .realm = REALM,
                                   .upn_suffix = UPN_SUFFIX};
  struct krb_delegator *d;
  struct failure f = {0};
  ck_assert_msg(krb_delegator_new(&c, &d, &f) == ERR_OK, "%s", f.why);
  return d;
}

struct krb_ticket *kdc_lab_ticket(const struct kdc_lab *l)
{
  struct krb_delegator *d = kdc_lab_delegator(l);
  struct krb_ticket *t;
  struct krb_exchange x;
  struct failure f = {0};
  ck_assert_msg(krb_obtain(d, "alice@test", SPN("hello"), &t, &x, NULL, &f) == ERR_OK, "%s", f.why);
  krb_delegator_free(d);
  return t;
}
