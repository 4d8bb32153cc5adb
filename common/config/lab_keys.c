#include "lab_keys.h"

#include <assert.h>
#include <string.h>

#define AT(type, member) .offset = offsetof(struct type, member)
/* A choice is stored as an unsigned, whatever its enum. */
#define AT_CHOICE(type, member)                                                                              \
  AT(type, member) +                                                                                         \
      0 * sizeof(struct {                                                                                    \
        static_assert(sizeof((struct type *)0)->member == sizeof(unsigned), #member " is no unsigned");      \
        int unused;                                                                                          \
      })

/* -- rules for URLs ------------------------------------------------------------------------------------ */

static bool is_https(const struct lab_url *url)
{
  return strcmp(url->scheme, "https") == 0;
}

static bool ends_with_host(const struct lab_url *url)
{
  const char *authority = strstr(url->text, "://") + 3;
  return strchr(authority, '/') == NULL;
}

/* Letters, digits and . _ ~ - between slashes: a path that can be written in one way only, and that no server
 * resolves to another. ".sevenstep" is the proxy's own. */
static bool is_folder(const struct lab_url *url)
{
  if (ends_with_host(url)) return false;
  for (const char *at = url->path + 1; *at;) {
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-");
    if (n == 0 || at[n] != '/' || strspn(at, ".") == n || strncmp(at, ".sevenstep/", 11) == 0) return false;
    at += n + 1;
  }
  return true;
}

/* A wildcard's domain has a dot, as browsers take no certificate for the others; and with the longest label
 * both URL and host stay within their limits. */
static bool is_host(const struct lab_url *url)
{
  if (!lab_is_wildcard(url->host)) return true;
  return strchr(url->host + 2, '.') && strlen(url->host) + LAB_LABEL_MAX <= 254 &&
         strlen(url->text) + LAB_LABEL_MAX < LAB_WILDCARD_MAX;
}

/* What users open is told by SNI, and certified, by name; what ends in a number is an address (WHATWG URL,
 * section 3.5). */
static bool is_named(const struct lab_url *url)
{
  const char *dot = strrchr(url->host, '.'), *last = dot ? dot + 1 : url->host;
  return !strchr(url->host, ':') && last[strspn(last, "0123456789")];
}

static bool issuer_ok(const struct lab_url *url)
{
  return is_https(url) && ends_with_host(url) && is_named(url) && !lab_is_wildcard(url->host);
}

static bool external_ok(const struct lab_url *url)
{
  return is_https(url) && is_named(url) && is_folder(url) && is_host(url);
}

static bool home_ok(const struct lab_url *url)
{
  return external_ok(url) && url->path[1] == 0 && !lab_is_wildcard(url->host);
}

static bool internal_ok(const struct lab_url *url)
{
  return is_folder(url) && is_host(url);
}

static const struct lab_url_rule url_issuer = {"an https URL without a path or a \"/\" at its end, of a "
                                               "host's name and no address",
                                               issuer_ok};
static const struct lab_url_rule url_external = {
    "an https URL that ends with \"/\", of a host's name and no address; in its path letters, digits and . _ "
    "~ - only",
    external_ok};
static const struct lab_url_rule url_home = {"an https URL of a host's name and \"/\"", home_ok};
static const struct lab_url_rule url_internal = {
    "an http or https URL that ends with \"/\"; in its path letters, digits and . _ ~ - only", internal_ok};

/* -- sections ------------------------------------------------------------------------------------------ */

static const struct lab_key client_keys[] = {
    {"id", KEY_TEXT, AT(lab_client, id), "The client's id, as it is sent in client_id.", .required = true,
     .rule = &rule_name},
    {"secret", KEY_TEXT, AT(lab_client, secret),
     "Its password at the token endpoint. Without one the client is public and must use PKCE.",
     .otherwise = "none: a public client", .kept_by = LAB_SECRETS, .rule = &rule_secret},
    {"redirect_uris", KEY_TEXTS, AT(lab_client, redirect_uris),
     "Where the user may be sent back to. Compared as exact text (RFC 9700 section 2.1).", .required = true,
     .ports = true, .rule = &rule_redirect_uri},
    {.name = NULL},
};
static const struct lab_keys clients = {.keys = client_keys, .size = sizeof(struct lab_client)};

static const struct lab_key idp_keys[] = {
    {"issuer", KEY_URL, AT(lab, idp.issuer), "Who issues the tokens: the iss claim, byte for byte.",
     .fallback = "https://login.localhost:{idp}", .url_rule = &url_issuer},
    {"listen", KEY_ADDR, AT(lab, idp.listen), "Where the identity provider listens.",
     .fallback = "127.0.0.1:{idp}"},
    {"connect", KEY_ADDR, AT(lab, idp.connect),
     "Where the cloud really reaches the issuer, where its name alone does not lead there (curl's "
     "--connect-to).",
     .otherwise = "the issuer's host and port"},
    {"token_lifetime", KEY_COUNT, AT(lab, idp.token_lifetime_s), "How long a token is valid, in seconds.",
     .fallback = "3600", .min = 10, .max = 86400},
    {"clients", KEY_ROWS, AT(lab, idp.clients),
     "OpenID Connect clients besides the applications, each of which is one by itself.", .otherwise = "none",
     .members = &clients, .count = offsetof(struct lab, idp.n_clients)},
    {.name = NULL},
};
static const struct lab_keys idp = {.keys = idp_keys, .size = sizeof(struct lab)};

static const struct lab_key limits_keys[] = {
    {"per_tenant", KEY_COUNT, AT(lab, cloud.limits.tenant_rate),
     "Requests a second to all applications. The real service has 750. 0: no limit.", .fallback = "0",
     .max = 1000000},
    {"per_application", KEY_COUNT, AT(lab, cloud.limits.app_rate),
     "Requests a second to one application, unless it says otherwise. The real service has 500.",
     .fallback = "0", .max = 1000000},
    {"per_user", KEY_COUNT, AT(lab, cloud.limits.user_rate),
     "Requests a second of one user, or of one address where nobody is signed in.", .fallback = "0",
     .max = 1000000},
    {"user_at_once", KEY_COUNT, AT(lab, cloud.limits.user_at_once),
     "Requests and WebSockets of one user that may be under way at the same time. 0: as many as the "
     "connectors still take, which leaves others their share.",
     .fallback = "0", .max = 1000000},
    {"connector_at_once", KEY_COUNT, AT(lab, cloud.limits.connector_at_once),
     "Requests and WebSockets that one connector works on at the same time, through all of its connections. "
     "Beyond it users are answered 503.",
     .fallback = "200", .min = 1, .max = 10000},
    {.name = NULL},
};
static const struct lab_keys limits = {.keys = limits_keys, .size = sizeof(struct lab)};

static const struct lab_key cloud_keys[] = {
    {"listen", KEY_ADDR, AT(lab, cloud.listen), "Where the proxy listens for users, with TLS.",
     .fallback = "127.0.0.1:{cloud}"},
    {"tunnel", KEY_ADDR, AT(lab, cloud.tunnel), "Where it listens for connectors, with mutual TLS.",
     .fallback = "127.0.0.1:{tunnel}"},
    {"tunnel_connect", KEY_ADDR, AT(lab, cloud.tunnel_connect), "Where connectors dial.",
     .otherwise = "the address of tunnel"},
    {"tunnel_name", KEY_TEXT, AT(lab, cloud.tunnel_name),
     "The name in the certificate that connectors check.", .fallback = "tunnel.localhost",
     .rule = &rule_host_name},
    {"session_lifetime", KEY_COUNT, AT(lab, cloud.session_lifetime_s),
     "How long a signed-in user stays signed in at an application, in seconds.", .fallback = "3600",
     .min = 10, .max = 604800},
    {"registration_token_lifetime", KEY_COUNT, AT(lab, cloud.registration_token_lifetime_s),
     "How long a token that registers a connector can be used, in seconds.", .fallback = "3600", .min = 10,
     .max = 604800},
    {"certificate_lifetime", KEY_COUNT, AT(lab, cloud.certificate_lifetime_s),
     "How long a connector's certificate is valid, in seconds (365 days).", .fallback = "31536000", .min = 60,
     .max = 157680000},
    {"certificate_renewal", KEY_COUNT, AT(lab, cloud.certificate_renewal_s),
     "How old the certificate of a connected connector gets before it is renewed, in seconds (180 days). "
     "Less "
     "than certificate_lifetime.",
     .fallback = "15552000", .min = 1, .max = 157680000},
    {"limits", KEY_SECTION, .help = "What users may ask for, and what connectors take.", .members = &limits},
    {"home_url", KEY_URL, AT(lab, cloud.home_url),
     "The cloud's own page, where users see the applications that are assigned to them. A client of the "
     "identity "
     "provider by itself, with the id " LAB_HOME_NAME ".",
     .fallback = "https://" LAB_HOME_NAME ".apps.localhost:{cloud}/", .url_rule = &url_home},
    {.name = NULL},
};
static const struct lab_keys cloud = {.keys = cloud_keys, .size = sizeof(struct lab)};

static const struct lab_choice kdc_seat_choices[] = {
    {"lab", SEAT_LAB, "MIT's krb5kdc, which the lab provisions and runs"},
    {"guest", SEAT_GUEST,
     "somebody else's, at connect; its administrator makes the accounts, and puts the keytabs into the run "
     "folder (docs/seats.md)"},
    {NULL, 0, NULL},
};

static const struct lab_choice database_choices[] = {
    {"db2", DATABASE_DB2, "files, by MIT's db2 with a module of the lab's own that knows delegation"},
    {"ldap", DATABASE_LDAP,
     "a directory, by MIT's kldap as it is: the lab runs OpenLDAP's slapd for it (docs/seats.md). Without "
     "allowed_to_act and partner"},
    {NULL, 0, NULL},
};

static const struct lab_key kdc_keys[] = {
    {"played_by", KEY_CHOICE, AT(lab, kdc.played_by), "Whose KDC it is.", .fallback = "lab",
     .choices = kdc_seat_choices},
    {"database", KEY_CHOICE, AT_CHOICE(lab, kdc.database), "Where the realm is kept.", .fallback = "db2",
     .choices = database_choices},
    {"listen", KEY_ADDR, AT(lab, kdc.listen), "Where the KDC listens, TCP and UDP.",
     .fallback = "127.0.0.1:{kdc}"},
    {"connect", KEY_ADDR, AT(lab, kdc.connect), "What krb5.conf tells the others.",
     .otherwise = "the address of listen"},
    {"admin", KEY_ADDR, AT(lab, kdc.admin),
     "Where the KDC's log can be read over HTTP: connectors add its lines to the trace of steps 4 and 5.",
     .fallback = "127.0.0.1:{kdc_admin}"},
    {"admin_connect", KEY_ADDR, AT(lab, kdc.admin_connect), "Where the connectors reach that.",
     .otherwise = "the address of admin"},
    {"max_ticket_life", KEY_COUNT, AT(lab, kdc.max_ticket_life_s),
     "The longest life of a ticket, in seconds.", .fallback = "36000", .min = 60, .max = 604800},
    {"replicas", KEY_COUNT, AT(lab, kdc.replicas),
     "How many KDCs the realm has, on one database: kdc, kdc-2 on {kdc_2}, kdc-3 on {kdc_3}. Clients know "
     "all of "
     "them.",
     .fallback = "1", .min = 1, .max = LAB_KDCS_MAX},
    {.name = NULL},
};
static const struct lab_keys kdc = {.keys = kdc_keys, .size = sizeof(struct lab)};

static const struct lab_choice bindings_choices[] = {
    {"none", BINDINGS_NONE, "tickets are taken by whichever way they come"},
    {"accept", BINDINGS_ACCEPT, "a ticket that is bound to a TLS server must have come to that one"},
    {"require", BINDINGS_REQUIRE, "the same, and a ticket that comes over TLS must be bound"},
    {NULL, 0, NULL},
};

static const struct lab_key partner_keys[] = {
    {"realm", KEY_TEXT, AT(lab, partner.realm), "Its name. Without one there is no partner.",
     .otherwise = "none", .rule = &rule_realm},
    {"upn_suffix", KEY_TEXT, AT(lab, partner.upn_suffix), "What its users' UPNs end in.",
     .fallback = "partner.test", .rule = &rule_host_name},
    {"internal_domain", KEY_TEXT, AT(lab, partner.internal_domain),
     "The domain of its hosts: an application belongs to it when its SPN's host is there.",
     .fallback = "partner.sevenstep.test", .rule = &rule_host_name},
    {"listen", KEY_ADDR, AT(lab, partner.listen), "Where its KDC listens, TCP and UDP.",
     .fallback = "127.0.0.1:{partner_kdc}"},
    {"connect", KEY_ADDR, AT(lab, partner.connect), "What krb5.conf tells the others.",
     .otherwise = "the address of listen"},
    {"admin", KEY_ADDR, AT(lab, partner.admin), "Where its KDC's log can be read over HTTP.",
     .fallback = "127.0.0.1:{partner_admin}"},
    {"admin_connect", KEY_ADDR, AT(lab, partner.admin_connect), "Where the connectors reach that.",
     .otherwise = "the address of admin"},
    {.name = NULL},
};
static const struct lab_keys partner = {.keys = partner_keys, .size = sizeof(struct lab)};

static const struct lab_key backend_keys[] = {
    {"listen", KEY_ADDR, AT(lab, backend.listen), "Where the internal application listens.",
     .fallback = "127.0.0.1:{backend}"},
    {"listen_tls", KEY_ADDR, AT(lab, backend.listen_tls),
     "Where it listens besides, with TLS, for applications whose internal_url is https. Its certificate "
     "has all their hosts.",
     .otherwise = "nowhere"},
    {"channel_bindings", KEY_CHOICE, AT_CHOICE(lab, backend.channel_bindings),
     "What it makes of channel bindings in Kerberos tokens (RFC 5929: tls-server-end-point). Connectors send "
     "them over TLS.",
     .fallback = "accept", .choices = bindings_choices},
    {.name = NULL},
};
static const struct lab_keys backend = {.keys = backend_keys, .size = sizeof(struct lab)};

/* -- people -------------------------------------------------------------------------------------------- */

static const struct lab_key user_keys[] = {
    {"upn", KEY_TEXT, AT(lab_user, upn),
     "The user principal name: what the user types to log on, and the upn claim of his tokens. Its local "
     "part is his name "
     "in the realm.",
     .otherwise = "none: the user logs on by the account name, and tokens carry no upn", .rule = &rule_upn},
    {"realm", KEY_TEXT, AT(lab_user, realm),
     "The realm that the user belongs to: the lab's or its partner's.", .otherwise = "the lab's",
     .rule = &rule_realm},
    {"on_premises_upn", KEY_TEXT, AT(lab_user, on_premises_upn),
     "The UPN in the directory inside, where it differs from the one in the cloud.", .otherwise = "none",
     .rule = &rule_upn},
    {"sam_account_name", KEY_TEXT, AT(lab_user, sam_account_name),
     "The account name that the cloud knows of from the directory inside. The realm's own is NAME: another "
     "value here is a "
     "mistake in synchronisation, made on purpose.",
     .otherwise = "the account name", .rule = &rule_user_name},
    {"display_name", KEY_TEXT, AT(lab_user, display_name), "How pages address the user.",
     .otherwise = "the account name", .rule = &rule_line},
    {"password", KEY_TEXT, AT(lab_user, password), "The password, at the logon page and in the realm.",
     .required = true, .kept_by = LAB_SECRETS, .rule = &rule_secret},
    {"enabled", KEY_BOOL, AT(lab_user, enabled), "A disabled user can neither log on nor get tickets.",
     .fallback = "true"},
    {"sensitive", KEY_BOOL, AT(lab_user, sensitive),
     "\"Account is sensitive and cannot be delegated\": the KDC gives no forwardable evidence ticket for "
     "this user.",
     .fallback = "false"},
    {"expires", KEY_TIME, AT(lab_user, expires_s),
     "When the account ends: from then on the user can neither log on nor get tickets.",
     .otherwise = "never"},
    {.name = NULL},
};
static const struct lab_keys users = {.keys = user_keys,
                                      .size = sizeof(struct lab_user),
                                      .name_offset = offsetof(struct lab_user, name),
                                      .name_rule = &rule_user_name};

static const struct lab_key group_keys[] = {
    {"members", KEY_TEXTS, AT(lab_group, members), "The users in it. Groups do not nest.", .required = true,
     .rule = &rule_user_name},
    {.name = NULL},
};
static const struct lab_keys groups = {.keys = group_keys,
                                       .size = sizeof(struct lab_group),
                                       .name_offset = offsetof(struct lab_group, name),
                                       .name_rule = &rule_name,
                                       .short_key = "members"};

/* -- applications and connectors ----------------------------------------------------------------------- */

static const struct lab_choice preauth_choices[] = {
    {"aadPreAuthentication", PREAUTH_AAD, "only signed-in and assigned users get through"},
    {"passthru", PREAUTH_PASSTHRU, "every request goes through; no sign-on, no Kerberos"},
    {NULL, 0, NULL},
};
static const struct lab_choice sso_choices[] = {
    {"none", SSO_NONE, "the application signs users on itself, or not at all"},
    {"kcd", SSO_KCD, "the connector gets a Kerberos ticket on the user's behalf (constrained delegation)"},
    {"header", SSO_HEADER, "header fields tell it, as headers: says; no Kerberos"},
    {NULL, 0, NULL},
};
static const struct lab_choice login_choices[] = {
    {"userPrincipalName", LOGIN_UPN, "the UPN; its suffix must be the lab's upn_suffix"},
    {"onPremisesUserPrincipalName", LOGIN_ON_PREMISES_UPN,
     "on_premises_upn; its suffix must be upn_suffix or the realm's name"},
    {"userPrincipalUsername", LOGIN_UPN_USERNAME, "what stands before the @ of the UPN, whatever its suffix"},
    {"onPremisesUserPrincipalUsername", LOGIN_ON_PREMISES_UPN_USERNAME,
     "what stands before the @ of on_premises_upn, whatever its suffix"},
    {"onPremisesSAMAccountName", LOGIN_SAM_ACCOUNT_NAME, "sam_account_name"},
    {NULL, 0, NULL},
};
static const struct lab_choice flow_choices[] = {
    {"id_token", FLOW_ID_TOKEN, "the user's browser posts the token to the proxy (response_mode=form_post)"},
    {"code", FLOW_CODE,
     "the browser carries a code, which the proxy exchanges (authorization code with PKCE)"},
    {NULL, 0, NULL},
};
static const struct lab_choice seat_choices[] = {
    {"lab", SEAT_LAB, "the lab's own backend"},
    {"guest", SEAT_GUEST,
     "somebody else's program, which listens at connect; its key is in a keytab of its own (./sevenstep "
     "keytab NAME) and not in the backend's"},
    {NULL, 0, NULL},
};
static const struct lab_choice timeout_choices[] = {
    {"default", 85, "85 seconds"},
    {"long", 180, "180 seconds"},
    {NULL, 0, NULL},
};

static const struct lab_key cors_keys[] = {
    {"origins", KEY_TEXTS, AT(lab_cors, origins),
     "Whose scripts. Compared byte for byte with the request's Origin.", .required = true, .ports = true,
     .rule = &rule_origin},
    {"methods", KEY_TEXTS, AT(lab_cors, methods), "Methods besides GET, HEAD and POST.", .otherwise = "none",
     .rule = &rule_http_method},
    {"headers", KEY_TEXTS, AT(lab_cors, headers), "Header fields that the scripts may send.",
     .otherwise = "none", .rule = &rule_http_header},
    {"exposed_headers", KEY_TEXTS, AT(lab_cors, exposed_headers),
     "Header fields of answers that they may read.", .otherwise = "none", .rule = &rule_http_header},
    {"credentials", KEY_BOOL, AT(lab_cors, credentials),
     "true: they may come with the user's session, whose cookie is then SameSite=None.", .fallback = "false"},
    {"max_age", KEY_COUNT, AT(lab_cors, max_age_s),
     "How long browsers may remember the preflight's answer, in seconds.", .fallback = "600", .min = 0,
     .max = 86400},
    {.name = NULL},
};
static const struct lab_keys cors = {.keys = cors_keys, .size = sizeof(struct lab_cors)};

static const struct lab_key segment_keys[] = {
    {"external_url", KEY_URL, AT(lab_segment, external_url), "What users open.", .required = true,
     .url_rule = &url_external},
    {"internal_url", KEY_URL, AT(lab_segment, internal_url), "What the connector requests.", .required = true,
     .url_rule = &url_internal},
    {"connect", KEY_ADDR, AT(lab_segment, connect), "Where that host really is.",
     .otherwise = "the internal URL's host and port"},
    {"cors", KEY_ROWS, AT(lab_segment, cors),
     "Rules for scripts of other origins, as the application has them.", .otherwise = "none",
     .members = &cors, .count = offsetof(struct lab_segment, n_cors)},
    {.name = NULL},
};
static const struct lab_keys segments = {.keys = segment_keys,
                                         .size = sizeof(struct lab_segment),
                                         .name_offset = offsetof(struct lab_segment, name),
                                         .name_rule = &rule_name};

static const struct lab_choice claim_choices[] = {
    {"upn", CLAIM_UPN, "the user principal name"},
    {"name", CLAIM_NAME, "the display name"},
    {"sub", CLAIM_SUB, "the subject: the account name, which never changes"},
    {"groups", CLAIM_GROUPS, "the user's groups, joined by commas; of more than 150 none"},
    {NULL, 0, NULL},
};
static const struct lab_key header_keys[] = {
    {"claim", KEY_CHOICE, AT_CHOICE(lab_header, claim), "Which claim of the token it carries.",
     .required = true, .choices = claim_choices},
    {.name = NULL},
};
static const struct lab_keys headers = {.keys = header_keys,
                                        .size = sizeof(struct lab_header),
                                        .name_offset = offsetof(struct lab_header, name),
                                        .name_rule = &rule_header_name,
                                        .short_key = "claim"};

static const struct lab_key app_keys[] = {
    {"title", KEY_TEXT, AT(lab_app, title), "The name that people see.",
     .otherwise = "the application's name", .rule = &rule_line},
    {"external_url", KEY_URL, AT(lab_app, external_url),
     "What users open, at any host. Several applications may share a host, each below a path; the longest "
     "path "
     "that fits "
     "is taken, and what is below none is answered 404. A host that begins with *. stands for every host "
     "with one "
     "label in the place of the *; a host that is published itself is not among them.",
     .otherwise = "https://NAME-TENANT.DOMAIN/: the tenant's first label, and the domain and port of "
                  "cloud.home_url",
     .url_rule = &url_external},
    {"internal_url", KEY_URL, AT(lab_app, internal_url),
     "What the connector requests; its host is sent in Host. Its path takes the place of the external one, "
     "and a "
     "leading *. the label that the user typed for the external one.",
     .required = true, .url_rule = &url_internal},
    {"connect", KEY_ADDR, AT(lab_app, connect),
     "Where that host really is, where its name alone does not lead there (curl's --connect-to).",
     .otherwise = "the internal URL's host and port"},
    {"played_by", KEY_CHOICE, AT_CHOICE(lab_app, played_by), "Whose program the application is.",
     .fallback = "lab", .private = true, .choices = seat_choices},
    {"cors", KEY_ROWS, AT(lab_app, cors),
     "Rules for scripts of other origins, answered by the proxy in place of the application. Not for its "
     "segments, which "
     "have their own.",
     .otherwise = "none", .members = &cors, .count = offsetof(struct lab_app, n_cors)},
    {"segments", KEY_TABLE, AT(lab_app, segments),
     "Further places of the application, by name, each with its own URLs: other hosts, or paths. One logon, "
     "one "
     "assignment and one single sign-on for all of them; links between them are translated.",
     .otherwise = "none", .members = &segments, .count = offsetof(struct lab_app, n_segments)},
    {"preauthentication", KEY_CHOICE, AT_CHOICE(lab_app, preauth), "Who may pass the proxy.",
     .fallback = "aadPreAuthentication", .choices = preauth_choices},
    {"single_sign_on", KEY_CHOICE, AT_CHOICE(lab_app, sso), "How the application learns who the user is.",
     .fallback = "none", .choices = sso_choices},
    {"spn", KEY_TEXT, AT(lab_app, spn),
     "The application's service principal name, without the realm. Only with kcd, and there required. "
     "SERVICE/*.domain: the label that the user typed is put in, and connectors can delegate to those that "
     "their lists "
     "name.",
     .otherwise = "none", .rule = &rule_spn_pattern},
    {"headers", KEY_TABLE, AT(lab_app, headers),
     "With single_sign_on: header, the fields that tell the application who the user is, by name, each with "
     "the "
     "claim it carries: X-User: upn. Users cannot send them themselves, in no spelling.",
     .otherwise = "none", .private = true, .members = &headers, .count = offsetof(struct lab_app, n_headers)},
    {"allowed_to_act", KEY_TEXTS, AT(lab_app, allowed_to_act),
     "Resource-based delegation (AD: msDS-AllowedToActOnBehalfOfOtherIdentity): connectors that may get "
     "tickets for this "
     "application, whatever their own list says, and without protocol transition.",
     .otherwise = "none", .private = true, .rule = &rule_name},
    {"delegated_login_identity", KEY_CHOICE, AT_CHOICE(lab_app, login),
     "Which of the user's names becomes the account at the KDC.", .fallback = "userPrincipalName",
     .choices = login_choices},
    {"flow", KEY_CHOICE, AT_CHOICE(lab_app, flow), "How the token reaches the proxy.", .fallback = "id_token",
     .choices = flow_choices},
    {"client_secret", KEY_TEXT, AT(lab_app, client_secret),
     "The proxy's password at the token endpoint. Only with flow: code.",
     .otherwise = "none: a public client", .kept_by = LAB_SECRETS | LAB_CLIENT_SECRETS, .rule = &rule_secret},
    {"requests_per_second", KEY_COUNT, AT(lab_app, requests_per_second),
     "How many requests users may send to it in a second; 0: as cloud.limits.per_application says.",
     .fallback = "0", .max = 1000000},
    {"bearer_access", KEY_BOOL, AT(lab_app, bearer_access),
     "true: API clients get through without a session, by Authorization: Bearer and an access token that the "
     "identity provider issued for this application (scope NAME/user_impersonation).",
     .fallback = "false"},
    {"connector_group", KEY_TEXT, AT(lab_app, connector_group), "Which connectors serve it.",
     .fallback = "default", .rule = &rule_name},
    {"backend_timeout", KEY_CHOICE, AT_CHOICE(lab_app, backend_timeout_s),
     "How long the application may take to answer.", .fallback = "default", .choices = timeout_choices},
    {"maintenance", KEY_BOOL, AT(lab_app, maintenance),
     "true: everybody is refused with a page that says so (503), signed in or not.", .fallback = "false"},
    {"translate_urls_in_headers", KEY_BOOL, AT(lab_app, translate_headers),
     "true: the application sees its internal host in Host, Origin and Referer, and its own URLs in "
     "Location, "
     "Content-Location and Set-Cookie become external ones. false: it sees the external host, and its "
     "answers "
     "stay as they are.",
     .fallback = "true"},
    {"translate_urls_in_body", KEY_BOOL, AT(lab_app, translate_body),
     "true: internal URLs of published applications in HTML and CSS become external ones on their way to "
     "users.",
     .fallback = "false"},
    {"validate_backend_certificate", KEY_BOOL, AT(lab_app, validate_certificate),
     "Of an https internal_url: the application's certificate must be for that host, in time, and from a "
     "known authority. false accepts any certificate, and with it whoever sits between connector and "
     "application.",
     .fallback = "true"},
    {"backend_ca", KEY_TEXT, AT(lab_app, backend_ca),
     "The authority that the application's certificate comes from, a PEM file; a relative path begins in the "
     "run folder.",
     .otherwise = "the lab's own authority, pki/ca.crt", .rule = &rule_line},
    {"http_only_cookie", KEY_BOOL, AT(lab_app, http_only_cookie),
     "Keeps the proxy's session cookie from scripts (HttpOnly). false only for pages whose scripts must read "
     "it.",
     .fallback = "true"},
    {"secure_cookie", KEY_BOOL, AT(lab_app, secure_cookie),
     "The proxy's session cookie travels over TLS only. false is refused: its name begins with __Host-, "
     "which "
     "browsers take from Secure cookies alone.",
     .fallback = "true"},
    {"persistent_cookie", KEY_BOOL, AT(lab_app, persistent_cookie),
     "true: the proxy's session cookie outlives the browser, up to cloud.session_lifetime. false: it ends "
     "with "
     "it.",
     .fallback = "false"},
    {"assignment_required", KEY_BOOL, AT(lab_app, assignment_required),
     "false lets every user in who can log on.", .fallback = "true"},
    {"assigned_users", KEY_TEXTS, AT(lab_app, assigned_users), "Users who may use it.", .otherwise = "none",
     .private = true, .rule = &rule_user_name},
    {"assigned_groups", KEY_TEXTS, AT(lab_app, assigned_groups), "Groups whose members may use it.",
     .otherwise = "none", .private = true, .rule = &rule_name},
    {.name = NULL},
};
static const struct lab_keys apps = {.keys = app_keys,
                                     .size = sizeof(struct lab_app),
                                     .name_offset = offsetof(struct lab_app, name),
                                     .name_rule = &rule_name};

static const struct lab_key connector_keys[] = {
    {"group", KEY_TEXT, AT(lab_connector, group), "The connector group it serves.", .fallback = "default",
     .rule = &rule_name},
    {"realm", KEY_TEXT, AT(lab_connector, realm),
     "The realm that it is a member of: the lab's or its partner's.", .otherwise = "the lab's",
     .rule = &rule_realm},
    {"principal", KEY_TEXT, AT(lab_connector, principal), "Its own service principal, without the realm.",
     .otherwise = "HTTP/NAME.INTERNAL_DOMAIN, of its realm", .rule = &rule_spn},
    {"allowed_to_delegate_to", KEY_TEXTS, AT(lab_connector, allowed_to_delegate_to),
     "The SPNs it may get tickets for on users' behalf (AD: msDS-AllowedToDelegateTo).", .otherwise = "none",
     .rule = &rule_spn},
    {"ok_to_auth_as_delegate", KEY_BOOL, AT(lab_connector, ok_to_auth_as_delegate),
     "Protocol transition (AD: \"use any authentication protocol\"): its S4U2Self tickets are good for "
     "S4U2Proxy.",
     .fallback = "true"},
    {"connections", KEY_COUNT, AT(lab_connector, connections),
     "How many connections to the cloud it keeps. The others follow when the first has succeeded; a request "
     "goes to the one with the least work in progress.",
     .fallback = "2", .min = 1, .max = LAB_CONNECTIONS_MAX},
    {"ticket_trust", KEY_COUNT, AT(lab_connector, ticket_trust_s),
     "How long a user's ticket is used before the KDC is asked again whether he still is one, in seconds: "
     "so long a user who was disabled in the directory is still served. A ticket in use is renewed before "
     "that.",
     .fallback = "900", .min = 1, .max = 36000},
    {.name = NULL},
};
static const struct lab_keys connectors = {.keys = connector_keys,
                                           .size = sizeof(struct lab_connector),
                                           .name_offset = offsetof(struct lab_connector, name),
                                           .name_rule = &rule_name};

static const struct lab_choice balancing_choices[] = {
    {"least_work", BALANCING_LEAST_WORK, "to the connection with the least requests in progress"},
    {"random", BALANCING_RANDOM, "to any connector, by chance, as the real service does"},
    {NULL, 0, NULL},
};
static const struct lab_key connector_group_keys[] = {
    {"balancing", KEY_CHOICE, AT_CHOICE(lab_connector_group, balancing),
     "Which of its connectors gets a request.", .fallback = "least_work", .choices = balancing_choices},
    {.name = NULL},
};
static const struct lab_keys connector_groups = {.keys = connector_group_keys,
                                                 .size = sizeof(struct lab_connector_group),
                                                 .name_offset = offsetof(struct lab_connector_group, name),
                                                 .name_rule = &rule_name};

/* -- the whole file. port_base comes before whatever holds a {port}. ----------------------------------- */

static const struct lab_key top[] = {
    {"version", KEY_COUNT, AT(lab, version), "The version of this format.", .required = true, .min = 1,
     .max = 1},
    {"port_base", KEY_PORT, AT(lab, port_base),
     "The lab's ports follow from this one. SEVENSTEP_PORT_BASE in the environment replaces it.",
     .fallback = "8440", .min = 1024, .max = LAB_PORT_BASE_MAX},
    {"realm", KEY_TEXT, AT(lab, realm), "The Kerberos realm.", .fallback = "CORP.SEVENSTEP.TEST",
     .rule = &rule_realm},
    {"upn_suffix", KEY_TEXT, AT(lab, upn_suffix),
     "What user principal names end in. It differs from the realm, as it does in most companies.",
     .fallback = "sevenstep.test", .rule = &rule_host_name},
    {"tenant", KEY_TEXT, AT(lab, tenant),
     "Whose lab this is: the cloud takes connectors of this tenant alone, and it stands in their "
     "certificates.",
     .fallback = "sevenstep.test", .rule = &rule_host_name},
    {"internal_domain", KEY_TEXT, AT(lab, internal_domain),
     "The domain of internal hosts, which belong to the realm.", .fallback = "corp.sevenstep.test",
     .rule = &rule_host_name},
    {"idp", KEY_SECTION, .help = "The identity provider.", .members = &idp},
    {"cloud", KEY_SECTION, .help = "The proxy that users and connectors meet at.", .members = &cloud},
    {"kdc", KEY_SECTION, .help = "The Kerberos KDC.", .members = &kdc},
    {"partner", KEY_SECTION,
     .help = "A second realm with a KDC of its own. Each trusts the other: users and applications may be of "
             "either.",
     .members = &partner},
    {"backend", KEY_SECTION, .help = "The internal web application that plays all applications of the lab.",
     .members = &backend},
    {"users", KEY_TABLE, AT(lab, users), "People, by account name. In the realm a user is NAME@REALM.",
     .required = true, .members = &users, .count = offsetof(struct lab, n_users)},
    {"groups", KEY_TABLE, AT(lab, groups), "Groups of users, by name, each a list: staff: [alice, bob].",
     .otherwise = "none", .members = &groups, .count = offsetof(struct lab, n_groups)},
    {"applications", KEY_TABLE, AT(lab, apps),
     "Published applications, by name. The name is also the application's client_id and the aud of its "
     "tokens.",
     .required = true, .members = &apps, .count = offsetof(struct lab, n_apps)},
    {"connectors", KEY_TABLE, AT(lab, connectors),
     "Connectors, by name, which is also the name in their certificates.", .required = true,
     .members = &connectors, .count = offsetof(struct lab, n_connectors)},
    {"connector_groups", KEY_TABLE, AT(lab, connector_groups),
     "What is to be said of groups of connectors; who is in one, the connectors say.", .otherwise = "none",
     .members = &connector_groups, .count = offsetof(struct lab, n_connector_groups)},
    {.name = NULL},
};
static const struct lab_key pushed[] = {
    {"applications", KEY_TABLE, AT(lab, apps), "The applications that the connector serves.",
     .members = &apps, .count = offsetof(struct lab, n_apps)},
    {.name = NULL},
};
const struct lab_keys lab_pushed_keys = {.keys = pushed, .size = sizeof(struct lab)};
const struct lab_keys lab_top_keys = {.keys = top, .size = sizeof(struct lab)};
