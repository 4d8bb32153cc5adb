/* GET /ws: a WebSocket that sends back every message it is sent, and takes the first subprotocol it is
 * offered. For whoever tests what lies between. */
#ifndef SEVENSTEP_ECHO_H
#define SEVENSTEP_ECHO_H

#include "step6_verify.h"

#define ECHO_MESSAGE_MAX (1024 * 1024)

void handle_websocket(const struct httpd_request *q, struct httpd_response *r);

#endif
