/* What a user was issued is void before its time: sessions, open WebSockets and access tokens at the cloud,
 * and the tickets that connectors keep. On demand, and when a change of the lab takes something from him
 * (Microsoft: continuous access evaluation). Loop's thread. */
#ifndef SEVENSTEP_CLOUD_REVOCATION_H
#define SEVENSTEP_CLOUD_REVOCATION_H

#include "cloud.h"

/* All that was issued to this UPN (in any case) until now. Returns how many connectors were told to forget
 * his tickets; done() when it is on disk. */
size_t revoke_user(struct cloud *c, const char *upn, void (*done)(void *arg, enum err e), void *arg);

/* c->lab is what before has become. Who has no active account any more, or not under this UPN, is revoked. Of
 * who may not use some application any more, or has become sensitive, connectors forget the tickets; to that
 * application his sessions are no good anyway (session_may_use), and elsewhere they stay. */
void revoke_by_change(struct cloud *c, const struct lab *before);

#endif
