#!/usr/bin/env bats
# The border: what the proxy takes from users, what it lets through to applications, and what stays inside.

load lib/lab
load lib/load

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# What the application received, as it shows it itself.
received() {
  agent_get "$SEVENSTEP_APP_URL" -H 'Accept: application/json' "$@"
  assert_status 200
  jq -r '.request.fields[] | "\(.[0]): \(.[1])"' "$agent_body" | tr '[:upper:]' '[:lower:]'
}

@test "identity fields that a user sends do not reach the application" {
  sign_in
  run received -H 'X-MS-Client-Principal-Name: bob' -H 'Remote_User: bob' -H 'X-Forwarded-For: 6.6.6.6' -H 'Forwarded: for=6.6.6.6' \
    -H 'sevenstep-upn: bob@sevenstep.test' -H 'Sevenstep_App: vault'
  [[ $output != *bob* && $output != *6.6.6.6* && $output != *vault* ]]
  [[ $output == *'x-forwarded-for: 127.0.0.1'* ]]
}

@test "a user cannot say to a connector what the cloud says: such paths are the application's" {
  local path public=https://public.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))
  for path in hello renew certificate configuration welcome refused; do
    agent_get "$public/.sevenstep/$path" -X PUT -H 'Sevenstep-Version: 99' -H 'Sevenstep-Error: connector_revoked' --data 'applications: {}'
    [[ $agent_status == 4?? && $(agent_header Sevenstep-Actor) == backend && -z $(agent_header Sevenstep-Error) ]]
  done
  agent_get "$public/"
  assert_status 200
}

@test "Connection cannot strip the fields that the proxy adds" {
  sign_in
  run received --http1.1 -H 'Connection: close, X-Forwarded-For, Via, Traceparent'
  [[ $output == *'x-forwarded-for: 127.0.0.1'* && $output == *'via: '* && $output == *'traceparent: '* ]]
}

@test "the proxy's cookies stay with it, the application's pass" {
  sign_in
  run received -b app=1
  [[ $output != *__host-sevenstep* ]]
  [[ $output == *app=1* ]]
}

@test "a browser's Authorization does not reach an application with Kerberos" {
  sign_in
  run received -H 'Authorization: Basic c2VjcmV0OnNlY3JldA=='
  [[ $output != *c2vjcmv0* ]]
  agent_get "$SEVENSTEP_APP_URL" -H 'Authorization: Negotiate YII='
  assert_status 200
  [[ -z $(agent_header WWW-Authenticate) ]]
}

@test "a changed session cookie is no session" {
  sign_in
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  agent_new "$BATS_TEST_TMPDIR/thief"
  agent_get "$SEVENSTEP_APP_URL" -H "Cookie: __Host-sevenstep=${cookie:0:-3}AAA"
  assert_status 302
  assert_reached_no_connector
}

@test "a session of one application is no session of another" {
  sign_in
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  agent_new "$BATS_TEST_TMPDIR/thief"
  agent_get "$SEVENSTEP_CODE_APP_URL" -H "Cookie: __Host-sevenstep=$cookie"
  assert_status 302
  assert_reached_no_connector
}

@test "two session cookies are none" {
  sign_in
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  agent_new "$BATS_TEST_TMPDIR/thief"
  agent_get "$SEVENSTEP_APP_URL" -H "Cookie: __Host-sevenstep=$cookie; __Host-sevenstep=$cookie"
  assert_status 302
}

@test "after logout the cookie is void, wherever it is" {
  sign_in
  local cookie
  cookie=$(agent_cookie __Host-sevenstep)
  agent_get "${SEVENSTEP_APP_URL}.sevenstep/logout"
  assert_status 200
  agent_new "$BATS_TEST_TMPDIR/thief"
  agent_get "$SEVENSTEP_APP_URL" -H "Cookie: __Host-sevenstep=$cookie"
  assert_status 302
  # Also after the proxy restarted.
  lab stop cloud
  lab start cloud
  agent_get "$SEVENSTEP_APP_URL" -H "Cookie: __Host-sevenstep=$cookie"
  assert_status 302
}

@test "many logons at once do not pile up cookies until the head is too large" {
  local cookies='' i
  for i in 1 2 3 4 5 6 7 8 9; do cookies+="; __Host-sevenstep-logon-ABCDEFG$i=x"; done
  agent_get "$SEVENSTEP_APP_URL" -H "Cookie: ${cookies#; }"
  assert_status 302
  [[ $(grep -ci '^set-cookie: __Host-sevenstep-logon-ABCDEFG[1-9]=;.*Max-Age=0' "$agent_headers") == 9 ]]
  # Fewer are let live: each may be a tab in which somebody is signing in.
  agent_get "$SEVENSTEP_APP_URL" -H "Cookie: ${cookies:2:200}"
  [[ $(grep -c 'Max-Age=0' "$agent_headers") == 0 ]]
}

@test "without a session only what can be repeated is sent to the logon" {
  agent_request POST "$SEVENSTEP_APP_URL" -d a=b
  assert_status 403
  assert_error session_required
  assert_reached_no_connector
}

@test "CONNECT and TRACE are refused" {
  agent_request TRACE "$SEVENSTEP_APP_URL" -X TRACE
  assert_status 405
  assert_error http_method_refused
  assert_reached_no_connector
  agent_request CONNECT "$SEVENSTEP_APP_URL" --http1.1 -X CONNECT --request-target "public.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))"
  assert_status 405
  assert_error http_method_refused
  assert_reached_no_connector
}

@test "a host that is not published" {
  agent_get "${SEVENSTEP_APP_URL/hello/nothing}"
  assert_status 404
  assert_error application_unknown
}

@test "a Host that the TLS connection was not opened for" {
  agent_get "$SEVENSTEP_APP_URL" -H "Host: vault.apps.localhost"
  assert_status 421
  assert_error misdirected_request
}

@test "smuggling: Content-Length together with Transfer-Encoding" {
  agent_request POST "$SEVENSTEP_PASSTHROUGH_URL" --http1.1 -H 'Content-Length: 4' -H 'Transfer-Encoding: chunked' --data-binary 'abcd'
  assert_status 400
  assert_error http_bad_request
  assert_reached_no_connector
}

@test "uploads and downloads arrive whole" {
  sign_in
  head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
  agent_request PUT "${SEVENSTEP_APP_URL}upload" -X PUT --data-binary "@$BATS_TEST_TMPDIR/file"
  assert_status 200
  [[ $(jq -r .sha256 "$agent_body") == "$(sha256sum <"$BATS_TEST_TMPDIR/file" | cut -d ' ' -f 1)" ]]
  agent_get "${SEVENSTEP_APP_URL}download?bytes=5000000"
  assert_status 200
  [[ $(wc -c <"$agent_body") == 5000000 ]]
}

@test "a connector listens on no port" {
  command -v ss >/dev/null || skip "ss (iproute2) is not installed"
  local name listens=()
  for name in cloud connector-1 connector-2; do
    [[ -z $(ss -Hltnup | grep "pid=$(pid_of "$name"),") ]] || listens+=("$name")
  done
  [[ ${listens[*]} == cloud ]] || fail "these listen: ${listens[*]}"
}

@test "a stranger's certificate opens no tunnel" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$BATS_TEST_TMPDIR/key" -out "$BATS_TEST_TMPDIR/crt" \
    -subj /CN=connector-1 -days 1 2>"$BATS_TEST_TMPDIR/log"
  run timeout 10 openssl s_client -connect "127.0.0.1:$SEVENSTEP_TUNNEL_PORT" -CAfile "$SEVENSTEP_CA" -cert "$BATS_TEST_TMPDIR/crt" \
    -key "$BATS_TEST_TMPDIR/key" -alpn h2 -ign_eof </dev/null
  [[ $output == *alert* ]]
}
