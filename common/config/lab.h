/* The lab file: one declarative YAML file describes the whole lab; this loads, checks and holds it. What was
 * changed while the lab ran lies beside it in a file of the same form (yaml_change.h), and is merged into it.
 *
 * Unknown keys, wrong types and bad values are refused with FILE:LINE:COLUMN and what was expected. A port
 * may be written in URLs and addresses as {cloud}, {idp}, {tunnel}, {kdc}, {backend}, ...: the lab's own
 * ports, which are port_base + an offset; SEVENSTEP_PORT_BASE in the environment replaces port_base.
 *
 * Everything a struct lab points to belongs to it and is immutable after loading; many threads may read it.
 * Secrets (users' passwords, client secrets) are dropped and wiped at load unless LAB_SECRETS is asked for:
 * only the identity provider and the KDC's provisioning ask. */
#ifndef SEVENSTEP_LAB_H
#define SEVENSTEP_LAB_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct lab_strings {
  const char **v;
  size_t n;
};

/* Where to listen or connect: a numeric address or a host name, and a port. */
struct lab_addr {
  const char *host;
  uint16_t port;
};

struct lab_url {
  const char *text;   /* as written, placeholders replaced */
  const char *scheme; /* "http" or "https" */
  const char *host;   /* lower case */
  uint16_t port;      /* the scheme's default if absent */
  const char *path;   /* begins with "/" */
};

struct lab_user {
  const char *name;             /* account name; the Kerberos principal is name@realm */
  const char *realm;            /* the lab's, or the partner's; default: the lab's */
  const char *upn;              /* NULL: the user has none */
  const char *on_premises_upn;  /* as the directory inside has it; NULL: none */
  const char *sam_account_name; /* default: name */
  const char *display_name;
  const char *password; /* NULL unless LAB_SECRETS */
  bool enabled;         /* default true */
  bool sensitive;       /* "account is sensitive and cannot be delegated"; default false */
  int64_t expires_s;    /* when the account ends, in seconds since 1970; 0: never */
};

struct lab_group {
  const char *name;
  struct lab_strings members; /* user names; groups do not nest */
};

enum lab_preauth { PREAUTH_AAD, PREAUTH_PASSTHRU }; /* aadPreAuthentication (default), passthru */
enum lab_sso { SSO_NONE, SSO_KCD, SSO_HEADER };     /* none, kcd, header */
/* Which of the user's names the connector asks a ticket for (Microsoft: delegated login identity). */
enum lab_login {
  LOGIN_UPN,                      /* userPrincipalName (default) */
  LOGIN_ON_PREMISES_UPN,          /* onPremisesUserPrincipalName */
  LOGIN_UPN_USERNAME,             /* userPrincipalUsername: what stands before its @ */
  LOGIN_ON_PREMISES_UPN_USERNAME, /* onPremisesUserPrincipalUsername */
  LOGIN_SAM_ACCOUNT_NAME,         /* onPremisesSAMAccountName */
};
enum lab_flow { FLOW_ID_TOKEN, FLOW_CODE };        /* id_token (default, form_post), code (with PKCE) */
enum lab_seat { SEAT_LAB, SEAT_GUEST };            /* lab (default), guest */
enum lab_database { DATABASE_DB2, DATABASE_LDAP }; /* db2 (default), ldap */
enum lab_bindings { BINDINGS_NONE, BINDINGS_ACCEPT, BINDINGS_REQUIRE }; /* none, accept (default), require */

/* Which origins' scripts may read the answers (the Fetch standard, 3.2). */
struct lab_cors {
  struct lab_strings origins; /* scheme://host[:port], exact */
  struct lab_strings methods; /* besides GET, HEAD and POST */
  struct lab_strings headers, exposed_headers;
  bool credentials;
  unsigned max_age_s;
};

/* A further place of an application: its own external and internal URL, everything else as the application.
 */
struct lab_segment {
  const char *name;
  struct lab_url external_url, internal_url;
  struct lab_addr connect; /* default: its internal URL's host and port */
  struct lab_cors *cors;
  size_t n_cors;
};

enum lab_claim { CLAIM_UPN, CLAIM_NAME, CLAIM_SUB, CLAIM_GROUPS };

/* A header field that tells the application about its user. */
struct lab_header {
  const char *name;
  enum lab_claim claim;
};

struct lab_app {
  const char *name;            /* also its client_id at the identity provider */
  const char *title;           /* for people; default: name */
  struct lab_url external_url; /* https; its path ends with "/" */
  struct lab_url internal_url; /* http or https; its path ends with "/" */
  bool by_path; /* of those in lab.published: more than its host decides what it is, or its paths differ from
                   the users' */
  struct lab_addr connect;    /* where internal_url's host really is; default: its host and port */
  enum lab_seat played_by;    /* the lab's own backend, or somebody else's program */
  const char *spn;            /* service/host, no realm; NULL unless sso is kcd */
  struct lab_header *headers; /* with sso header: what is told of the user */
  size_t n_headers;
  struct lab_strings allowed_to_act; /* connectors' names: resource-based delegation */
  enum lab_preauth preauth;
  enum lab_sso sso;
  enum lab_login login;
  enum lab_flow flow;
  const char
      *client_secret; /* NULL unless LAB_SECRETS or set; the cloud keeps its own (see LAB_CLIENT_SECRETS) */
  const char *connector_group;        /* default "default" */
  unsigned requests_per_second;       /* 0: as cloud.limits says */
  bool bearer_access;                 /* API clients pass by an access token; default false */
  bool maintenance;                   /* everybody is refused; default false */
  bool translate_headers;             /* default true */
  bool translate_body;                /* URLs in HTML and CSS; default false */
  bool validate_certificate;          /* of an https internal_url; default true */
  const char *backend_ca;             /* PEM file instead of the lab's authority, or NULL */
  bool http_only_cookie;              /* of the proxy's session cookie; default true */
  bool secure_cookie;                 /* always true */
  bool persistent_cookie;             /* default false */
  unsigned backend_timeout_s;         /* default -> 85, long -> 180 */
  struct lab_strings assigned_users;  /* names */
  struct lab_strings assigned_groups; /* names */
  bool assignment_required;           /* default true */
  struct lab_cors *cors;              /* of these URLs; segments have their own */
  size_t n_cors;
  bool cross_site; /* derived: scripts of other sites may come with the user's session */
  struct lab_segment *segments;
  size_t n_segments;
  const char *segment; /* of those in lab.published: the segment's name; NULL: the application's own URLs */
  const char *label;   /* what the user typed for the "*", see lab_app_for_label(); NULL: there is none */
  bool spread;         /* derived: it has several hosts, so its callback is at home (cloud/handover.c) */
  const char
      *callback_uri; /* derived: where the identity provider sends its users, the only one (RFC 9700 2.1) */
};

#define LAB_HOME_NAME    "myapps"
#define LAB_LABEL_MAX    63  /* RFC 1035 2.3.4 */
#define LAB_WILDCARD_MAX 512 /* a URL with a "*", in bytes */

enum lab_balancing { BALANCING_LEAST_WORK, BALANCING_RANDOM }; /* least_work (default), random */

struct lab_connector_group {
  const char *name;
  enum lab_balancing balancing;
};

#define LAB_CONNECTIONS_MAX 8

struct lab_connector {
  const char *name;      /* also the common name of its client certificate */
  const char *group;     /* default "default" */
  const char *realm;     /* the lab's, or the partner's; default: the lab's */
  const char *principal; /* its service principal without realm; default "HTTP/<name>.<internal_domain>" */
  struct lab_strings allowed_to_delegate_to; /* SPNs */
  bool ok_to_auth_as_delegate;               /* protocol transition; default true */
  unsigned connections;                      /* to the cloud; default 2 */
  unsigned ticket_trust_s;                   /* 900 */
};

/* A registered OpenID Connect client besides the applications, e.g. for code + PKCE by hand. */
struct lab_client {
  const char *id;
  const char *secret; /* NULL: public client, or secrets were not asked for */
  struct lab_strings redirect_uris;
};

struct lab {
  _Atomic unsigned refs;       /* of lab_ref(); one made by hand begins with 1 */
  const char *path;            /* the file */
  const char *changes;         /* the file with the changes, whether it is there or not; NULL: none */
  unsigned version;            /* of the file's format: 1 */
  uint16_t port_base;          /* in force */
  const char *realm;           /* CORP.SEVENSTEP.TEST */
  const char *upn_suffix;      /* sevenstep.test */
  const char *tenant;          /* sevenstep.test */
  const char *internal_domain; /* corp.sevenstep.test */

  struct {
    struct lab_url issuer;     /* https://login.localhost:{idp}, no path */
    struct lab_addr listen;    /* 127.0.0.1:{idp} */
    struct lab_addr connect;   /* where the cloud reaches it; default: issuer's host and port */
    unsigned token_lifetime_s; /* 3600 */
    struct lab_client *clients;
    size_t n_clients;
  } idp;

  struct {
    struct lab_addr listen;         /* 127.0.0.1:{cloud} */
    struct lab_addr tunnel;         /* 127.0.0.1:{tunnel}: where it listens for connectors */
    struct lab_addr tunnel_connect; /* where connectors dial; default: the same */
    const char *tunnel_name;        /* name in its certificate: tunnel.localhost */
    unsigned session_lifetime_s;    /* 3600 */
    struct {
      unsigned tenant_rate, app_rate, user_rate; /* requests a second; 0: no limit */
      unsigned user_at_once;                     /* 0: by what the connectors still take */
      unsigned connector_at_once;
    } limits;
    struct lab_url home_url;                /* https://myapps.apps.localhost:{cloud}/ */
    unsigned registration_token_lifetime_s; /* 3600 */
    unsigned certificate_lifetime_s;        /* of connectors; 365 days */
    unsigned certificate_renewal_s;         /* less than that; 180 days */
  } cloud;

  struct {
    enum lab_seat played_by;       /* by a guest: its administrator makes principals and keytabs */
    enum lab_database database;    /* where the realm is kept: files, or a directory (slapd) */
    struct lab_addr listen;        /* 127.0.0.1:{kdc} */
    struct lab_addr connect;       /* what krb5.conf of the others says; default: listen */
    struct lab_addr admin;         /* its log for the connectors' traces, over HTTP; 127.0.0.1:{kdc_admin} */
    struct lab_addr admin_connect; /* default: admin */
    unsigned max_ticket_life_s;    /* 36000 */
    unsigned replicas;             /* how many of them on one database, see lab_kdc(); 1 */
  } kdc;

  /* A second realm that trusts the first, and is trusted by it. */
  struct {
    const char *realm;           /* NULL: there is none, whatever the others say */
    const char *upn_suffix;      /* of its users */
    const char *internal_domain; /* applications whose SPN's host is below belong to it */
    struct lab_addr listen, connect, admin, admin_connect; /* of its KDC */
  } partner;
  /* Derived, on one KDC's side (lab_side): */
  bool is_partner;
  unsigned which;          /* of its realm's KDCs it is; 0: the first */
  const struct lab *whole; /* NULL: this is no side */

  struct {
    struct lab_addr listen;     /* 127.0.0.1:{backend} */
    struct lab_addr listen_tls; /* host NULL: nowhere */
    enum lab_bindings channel_bindings;
  } backend;

  struct lab_user *users;
  size_t n_users;
  struct lab_group *groups;
  size_t n_groups;
  struct lab_app *apps;
  size_t n_apps;
  /* Derived: what is published where. The applications, and behind each its segments, which are copies of it
   * with their own URLs. */
  struct lab_app *published;
  size_t n_published;
  struct lab_connector *connectors;
  size_t n_connectors;
  struct lab_connector_group *connector_groups; /* those that are not as by default */
  size_t n_connector_groups;
  /* Derived: the cloud's own page at home_url, for the identity provider an application like the others, open
   * to everybody who can log on. Not among apps: no connector serves it. */
  struct lab_app home;
};

enum {
  LAB_SECRETS = 1,        /* keep passwords and client secrets */
  LAB_CLIENT_SECRETS = 2, /* keep the applications' client secrets only (the cloud, for the code flow) */
};

/* Loads path, and what run/changes.yaml, if that is there, makes of it. On failure f->why begins with
 * "FILE:LINE:COLUMN: ", where FILE is one of the two. *ret is the first reference. */
enum err lab_load_changed(const char *path, const char *run, unsigned flags, struct lab **ret,
                          struct failure *f) MUST_CHECK;
/* The same without changes. */
enum err lab_load(const char *path, unsigned flags, struct lab **ret, struct failure *f) MUST_CHECK;
/* One more reference; thread safe. */
struct lab *lab_ref(const struct lab *lab) MUST_CHECK;
/* Gives one back; with the last one it wipes and frees. Accepts NULL; thread safe. */
void lab_free(const struct lab *lab);

/* Look-ups; NULL when absent. Names are case-sensitive, hosts and UPNs are not. */
const struct lab_app *lab_app_by_name(const struct lab *lab, const char *name);
bool lab_is_home(const struct lab *lab, const char *host, size_t n);
const struct lab_user *lab_user_by_name(const struct lab *lab, const char *name);
const struct lab_user *lab_user_by_upn(const struct lab *lab, const char *upn);
const struct lab_connector *lab_connector_by_name(const struct lab *lab, const char *name);
enum lab_balancing lab_balancing(const struct lab *lab, const char *connector_group);
/* Appends the address of the directory that holds the realm with kdc.database: ldap, below run (absolute):
 * ldapi://PATH, percent-encoded. */
enum err lab_directory_uri(const char *run, struct buf *out) MUST_CHECK;
/* Is the application's service principal one of the partner's realm? */
bool lab_is_partners(const struct lab *lab, const char *spn);
/* Is the connector a member of the lab's realm; of one side of a lab, of that realm? */
bool lab_is_member(const struct lab *lab, const struct lab_connector *connector);
/* The KDCs of the lab's realm, kdc.replicas of them: the first is where the lab file says, the others on
 * ports of their own beside it. */
enum { LAB_KDCS_MAX = 3 };
struct lab_kdc {
  const char *name; /* "kdc", "kdc-2", "kdc-3" */
  struct lab_addr listen, connect, admin, admin_connect;
};
struct lab_kdc lab_kdc(const struct lab *lab, unsigned which); /* 0 to LAB_KDCS_MAX - 1 */
/* The lab as one KDC sees it: kdc is that one, and realm, users and applications are its realm's alone;
 * connectors are all there, as every KDC names them. which of the realm's; the partner has one. Shares
 * everything else with lab, which must outlive it; lab_side_clear frees it. */
enum err lab_side(const struct lab *lab, bool partner, unsigned which, struct lab *ret) MUST_CHECK;
void lab_side_clear(struct lab *side);

/* "*" stands for one label, as in certificates (RFC 9525 6.3): at the beginning of an external and an
 * internal host, and of an SPN's host. */
bool lab_is_wildcard(const char *text); /* accepts NULL */
/* Lower-case letters, digits and inner hyphens. */
bool lab_label_ok(const char *label, size_t n);
/* How many bytes of a URL are scheme, host and port. */
size_t lab_origin_len(const char *url);
/* Is host the pattern's, or one that it stands for? The label in lower case, "" without a "*". */
bool lab_host_matches(const char *pattern, const char *host, size_t n,
                      char ret_label[static LAB_LABEL_MAX + 1]);
bool lab_spn_matches(const char *pattern, const char *spn);
/* The SPNs that principals are needed for: the application's own, or those which connectors may delegate to
 * and its "*" stands for. How many; ret has room for lab_spn_count_max(). */
size_t lab_spns(const struct lab *lab, const struct lab_app *app, const char **ret);
size_t lab_spn_count_max(const struct lab *lab);

/* An application with its "*" replaced; points into itself and the lab, so it is not copied. */
struct lab_concrete {
  struct lab_app app;
  char label[LAB_LABEL_MAX + 1];
  char text[4 * LAB_WILDCARD_MAX];
};
/* app as this label makes it; the result is in ret. label fulfils lab_label_ok(). */
const struct lab_app *lab_app_for_label(const struct lab_app *app, const char *label,
                                        struct lab_concrete *ret);
/* Of lab.published; segment NULL or "": the application's own. */
const struct lab_app *lab_published(const struct lab *lab, const char *name, const char *segment);

/* Does a header field of the application tell this claim? */
bool lab_app_tells(const struct lab_app *app, enum lab_claim claim);
/* Enabled, and not expired by now_s. */
bool lab_user_is_active(const struct lab_user *user, int64_t now_s);
/* The name of the user that the application's mode asks for, whole; NULL: the user has none. */
const char *lab_login_identity(const struct lab_app *app, const struct lab_user *user);
/* By the connector's own list or by the application's; protocol transition is another matter. */
bool lab_may_delegate(const struct lab_connector *connector, const struct lab_app *app);
/* Directly or by one of the application's groups, or when no assignment is required. */
bool lab_user_assigned(const struct lab *lab, const struct lab_app *app, const struct lab_user *user);

#endif
