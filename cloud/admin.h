/* The cloud's administration of connectors and sessions, on its admin endpoint (a unix socket for its owner
 * only):
 *
 *   GET  /connectors                        which there are, and how they do (JSON)
 *   POST /connectors/NAME/token[?group=G]   a registration token: {"token":"..."}
 *   POST /connectors/NAME/revoke            its certificates and tokens are good no more, its connections end
 *
 *   POST /users/revoke?user=UPN             all that this user was issued is void, his tickets are forgotten
 *
 *   GET  /configuration, POST /reload       the configuration in force: reload.h
 *
 * A refusal is {"error":NAME,"why":...,"fix":...} with the error's HTTP status. */
#ifndef SEVENSTEP_CLOUD_ADMIN_H
#define SEVENSTEP_CLOUD_ADMIN_H

#include "httpd.h"

extern const struct httpd_route admin_routes[]; /* their arg is the struct cloud */

#endif
