#!/usr/bin/env bats
# Wildcards, domains of one's own, and applications with several places.

load lib/lab

setup_file() {
  lab_publish "$BATS_FILE_TMPDIR/lab.yaml" "$BATS_TEST_DIRNAME/publishing_hosts.yaml" \
    HTTP/{red.team,blue.team,intranet,suite}.corp.sevenstep.test
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  port=$((SEVENSTEP_PORT_BASE + 3))
  inside_port=$((SEVENSTEP_PORT_BASE + 6))
  home=https://myapps.apps.localhost:$port
  red=https://red.team.apps.localhost:$port blue=https://blue.team.apps.localhost:$port
  suite=https://suite.apps.localhost:$port api=https://suite-api.apps.localhost:$port/v1
}

got() {
  jq -r ".request$1" "$agent_body"
}

got_field() {
  got ".fields[] | select(.[0] | ascii_downcase == \"$1\") | .[1]"
}

# The lab file with one edit is refused, with this in the message.
assert_refused() {
  sed -E "$1" "$BATS_FILE_TMPDIR/lab.yaml" >"$BATS_TEST_TMPDIR/lab.yaml"
  SEVENSTEP_LAB=$BATS_TEST_TMPDIR/lab.yaml run lab check
  [[ $status != 0 && $output == *"$2"* ]] || fail "expected \"$2\", found: $output"
}

# -- wildcards -----------------------------------------------------------------------------------------------------

@test "wildcard: all seven steps, and the label goes inside with its own ticket" {
  sign_in "$red/echo/a?b=c"
  [[ $agent_url == "$red/echo/a?b=c" ]]
  assert_steps "1 2 3 4 5 6 7"
  agent_get "$red/echo/x" -H 'Accept: application/json'
  [[ $(got_field host) == "red.team.corp.sevenstep.test:$inside_port" ]]
  assert_step_attribute 4 connector sevenstep.spn HTTP/red.team.corp.sevenstep.test
}

@test "wildcard: one logon for all hosts of the application, each with a session bound to it" {
  sign_in "$red/"
  agent_open "$blue/echo/y"
  assert_status 200
  [[ $agent_url == "$blue/echo/y" ]]
  # The session of one host is none at another.
  value=$(agent_cookie __Host-sevenstep-app-team | head -n 1)
  [[ -n $value ]]
  agent_new "$BATS_TEST_TMPDIR/other"
  for url in "$blue/" "$home/.sevenstep/enter/team"; do
    agent_get "$url" -H "Cookie: __Host-sevenstep-app-team=$value"
    [[ $agent_status != 200 ]]
  done
}

@test "wildcard: the identity provider knows one callback, of the cloud's own host" {
  agent_get "$red/x"
  assert_status 302
  [[ $agent_redirect == "$home/.sevenstep/enter/team?"* ]]
  assert_reached_no_connector
  agent_get "$agent_redirect"
  [[ $agent_redirect == *"redirect_uri=https%3A%2F%2Fmyapps.apps.localhost%3A$port%2F.sevenstep%2Fcallback%2Fteam&"* ]]
  agent_get "$red/.sevenstep/callback"
  assert_status 404
}

@test "wildcard: a label that no connector may delegate to is refused by the KDC" {
  agent_sign_in "https://grey.team.apps.localhost:$port/" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  [[ $agent_status == 403 || $agent_status == 502 ]]
  [[ $(agent_error) == not_allowed_to_delegate || $(agent_error) == spn_unknown_to_kdc ]]
}

@test "wildcard: a host that is published itself is not among its hosts, not even beside its path" {
  agent_get "https://green.team.apps.localhost:$port/only/x" -H 'Accept: application/json'
  assert_status 200
  [[ $(got .target) == /echo/x ]]
  agent_get "https://green.team.apps.localhost:$port/other"
  assert_status 404
}

@test "wildcard: the * is one label of letters, digits and hyphens, and Host is the TLS connection's name" {
  for host in a.b.team.apps.localhost team.apps.localhost a_b.team.apps.localhost -a.team.apps.localhost \
    xteam.apps.localhost red.team.apps.localhost.; do
    agent_get "$red/" -H "Host: $host:$port" --connect-to "::127.0.0.1:$port"
    [[ $agent_status == 421 || $agent_status == 400 ]] || fail "Host: $host"
    assert_reached_no_connector
  done
  for host in a.b.team.apps.localhost team.apps.localhost a_b.team.apps.localhost -a.team.apps.localhost xteam.apps.localhost; do
    agent_get "https://$host:$port/" -k
    assert_status 404
    assert_error application_unknown
    assert_reached_no_connector
  done
}

@test "wildcard: a label in capitals, or of a name in another script, is one host" {
  agent_get "https://shop.localhost:$port/" -k --connect-to "::127.0.0.1:$port"
  assert_status 404
  agent_get "https://Xn--Bcher-Kva.Shop.Example.Localhost:$port/echo/" -H 'Accept: application/json'
  assert_status 200
  [[ $(got_field host) == "shop.corp.sevenstep.test:$inside_port" ]]
}

@test "wildcard: links between its hosts are translated" {
  sign_in "$red/"
  agent_get "$red/echo/" -H 'Accept: application/json' -H "Origin: $blue" -H "Referer: $blue/x"
  [[ $(got_field origin) == "http://blue.team.corp.sevenstep.test:$inside_port" ]]
  [[ $(got_field referer) == "http://blue.team.corp.sevenstep.test:$inside_port/x" ]]
  agent_get "$red/echo/move"
  [[ $agent_redirect == "$red/echo/moved" ]]
}

# -- handing over --------------------------------------------------------------------------------------------------

# To the point where the ticket is on its way to the host: its URL in $agent_redirect.
open_ticket() {
  sign_in "$blue/"
  agent_get "$red/x"
  agent_get "$agent_redirect"
  [[ $agent_redirect == "$red/.sevenstep/session?"*ticket=* ]] || fail "no ticket: $agent_redirect"
}

@test "handover: a ticket is good once, and in no other browser" {
  open_ticket
  ticket=$agent_redirect
  cp "$agent_jar" "$BATS_TEST_TMPDIR/jar"
  agent_new "$BATS_TEST_TMPDIR/other"
  agent_get "$ticket"
  assert_status 403
  assert_error state_mismatch
  agent_new "$BATS_TEST_TMPDIR/agent"
  cp "$BATS_TEST_TMPDIR/jar" "$agent_jar"
  agent_get "$ticket"
  assert_status 303
  cp "$BATS_TEST_TMPDIR/jar" "$agent_jar"
  agent_get "$ticket"
  assert_status 403
  assert_error state_mismatch
}

@test "handover: a ticket for one host is none for another, and a changed one is none at all" {
  open_ticket
  ticket=$agent_redirect
  for url in "${ticket/red.team/blue.team}" "${ticket/ticket=/ticket=A}" "${ticket%?ticket=*}" "$red/.sevenstep/session"; do
    agent_get "$url"
    assert_status 403
    assert_error state_mismatch
  done
}

@test "handover: home sends nobody to where nobody asked from" {
  sign_in "$blue/"
  agent_get "$red/x"
  enter=$agent_redirect
  for url in "${enter/to=/to=A}" "${enter/state=00/state=01}" "${enter/enter\/team/enter\/suite}" "$home/.sevenstep/enter/team" \
    "$home/.sevenstep/enter/team?state=x&to=https://evil.test/"; do
    agent_get "$url"
    [[ $agent_status == 403 || $agent_status == 302 ]]
    [[ $agent_redirect != *evil* && $agent_redirect != *ticket=* ]] || fail "$url: $agent_redirect"
  done
  agent_get "$home/.sevenstep/enter/hello"
  assert_status 404
}

@test "handover: signing out at one host signs out at all" {
  sign_in "$red/"
  agent_open "$blue/"
  assert_status 200
  agent_get "$blue/.sevenstep/logout"
  assert_status 200
  agent_get "$red/"
  assert_status 302
  agent_get "$agent_redirect"
  [[ $agent_redirect == "$SEVENSTEP_ISSUER"* ]]
}

# -- several places ------------------------------------------------------------------------------------------------

@test "segments: one logon for hosts and paths, and links between them are translated" {
  sign_in "$suite/echo/"
  assert_steps "1 2 3 4 5 6 7"
  agent_get "$suite/files/a" -H 'Accept: application/json'
  assert_status 200
  [[ $(got .target) == /echo/a && $(got_field host) == "suite-files.corp.sevenstep.test:$inside_port" ]]
  agent_open "$api/b"
  assert_status 200
  agent_get "$api/c" -H 'Accept: application/json' -H "Referer: $suite/files/x"
  [[ $(got .target) == /echo/c ]]
  [[ $(got_field referer) == "http://suite-files.corp.sevenstep.test:$inside_port/echo/x" ]]
}

@test "segments: only what is defined can be reached" {
  sign_in "$suite/echo/"
  for url in "https://suite-api.apps.localhost:$port/" "https://suite-api.apps.localhost:$port/v2/" "$api/../v2" \
    "https://suite-other.apps.localhost:$port/"; do
    agent_get "$url" --path-as-is
    assert_status 404
    assert_reached_no_connector
  done
}

@test "segments: who is not assigned to the application gets to none of them" {
  agent_open "$api/"
  agent_logon frank@sevenstep.test "$(password_of frank)"
  assert_status 403
  assert_error user_unassigned
}

# -- a domain of one's own -----------------------------------------------------------------------------------------

@test "custom domain: certificate, hosts and all seven steps" {
  run lab hosts
  [[ $output == *'127.0.0.1 intranet.contoso.test'* && $output == *'*.team.apps.localhost'* ]]
  printf 'connect-to = "intranet.contoso.test:%s:127.0.0.1:%s"\n' "$port" "$port" >"$BATS_TEST_TMPDIR/.curlrc"
  export CURL_HOME=$BATS_TEST_TMPDIR
  sign_in "https://intranet.contoso.test:$port/"
  assert_steps "1 2 3 4 5 6 7"
  agent_get "https://intranet.contoso.test:$port/" -H "Host: hello.apps.localhost:$port"
  assert_status 421
}

# -- the lab file --------------------------------------------------------------------------------------------------

@test "lab file: what overlaps, or cannot be, is refused with its place" {
  assert_refused 's|https://suite-api.apps.localhost:\{cloud\}/v1/|https://*.team.apps.localhost:{cloud}/|' \
    'applications.suite.segments.api.external_url: *.team.apps.localhost/ is published as team already'
  assert_refused 's|http://suite-api.corp|http://*.corp|' 'segments.api.internal_url: *. only where the external'
  assert_refused 's|spn: HTTP/suite.corp|spn: HTTP/*.corp|' 'applications.suite.spn: with a *'
  assert_refused 's|https://\*.team.apps.localhost|https://*.localhost|' 'applications.team.external_url: expected'
  assert_refused 's|https://\*.team.apps.localhost|https://a.*.apps.localhost|' 'applications.team.external_url: expected'
  assert_refused 's|https://suite-api.apps|https://myapps.apps|' 'is the host of cloud.home_url'
  assert_refused 's|HTTP/red.team.corp.sevenstep.test|HTTP/a.red.team.corp.sevenstep.test|' 'no application has the spn'
}
