/* The buffers of a PAC that say who the user is: KERB_VALIDATION_INFO (MS-PAC 2.5), the client's name and
 * time (2.7), his UPN (2.10) and his security identifier (2.15). Active Directory writes all of them, MIT's
 * KDC the client's name only. From inside a ticket; the parsers trust it no more for that. ERR_SYNTAX when it
 * is malformed. */
#ifndef SEVENSTEP_LOGON_INFO_H
#define SEVENSTEP_LOGON_INFO_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum { PAC_TEXT_MAX = 256, PAC_SID_MAX = 192, PAC_GROUPS_MAX = 64, PAC_SIDS_MAX = 16 };

/* Texts are cut if need be; times are seconds since 1970, 0 for never. */
struct logon_info {
  int64_t logon_time_s;
  char account[PAC_TEXT_MAX], full_name[PAC_TEXT_MAX];
  char server[PAC_TEXT_MAX], domain[PAC_TEXT_MAX];
  char domain_sid[PAC_SID_MAX]; /* "" if none */
  uint32_t user_rid, primary_group_rid, account_control;
  size_t groups; /* all that he is in; of these the first PAC_GROUPS_MAX are kept */
  uint32_t group_rid[PAC_GROUPS_MAX];
  size_t sids; /* likewise */
  char sid[PAC_SIDS_MAX][PAC_SID_MAX];
};
enum err logon_info_parse(const void *data, size_t n, struct logon_info *ret) MUST_CHECK;

struct client_info {
  int64_t auth_time_s;
  char name[PAC_TEXT_MAX];
};
enum err client_info_parse(const void *data, size_t n, struct client_info *ret) MUST_CHECK;

struct upn_info {
  char upn[PAC_TEXT_MAX], dns_domain[PAC_TEXT_MAX];
  char account[PAC_TEXT_MAX], sid[PAC_SID_MAX]; /* "" if it has none */
};
enum err upn_info_parse(const void *data, size_t n, struct upn_info *ret) MUST_CHECK;

enum err requester_sid_parse(const void *data, size_t n, char ret[PAC_SID_MAX]) MUST_CHECK;

#endif
