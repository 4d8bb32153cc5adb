#!/usr/bin/env bats
# Applications with TLS inside: whose certificate is right gets the request, and nobody else.

load lib/lab

setup_file() {
  lab_publish "$BATS_FILE_TMPDIR/lab.yaml" "$BATS_TEST_DIRNAME/https_backends.yaml" HTTP/secure.corp.sevenstep.test
  lab_listen_tls "$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# url APPLICATION [PATH]
url() {
  printf 'https://%s.apps.localhost:%s/%s' "$1" $((SEVENSTEP_PORT_BASE + 3)) "${2-}"
}

# The application's certificate is refused, and page and trace say so: assert_refused APPLICATION REASON
assert_refused() {
  agent_get "$(url "$1")"
  assert_status 502
  assert_error backend_certificate
  assert_page "$2"
  assert_trace_error backend_certificate 6
}

@test "the seven steps, to an application with TLS" {
  sign_in "$(url secure whoami.json)"
  [[ $(jq -r .user "$agent_body") == alice@* ]]
  assert_steps "1 2 3 4 5 6 7"
}

@test "a large body, both ways" {
  head -c 3000000 /dev/zero >"$BATS_TEST_TMPDIR/zeros"
  agent_get "$(url notices upload)" -T "$BATS_TEST_TMPDIR/zeros"
  assert_status 200
  [[ $(jq -r .bytes "$agent_body") == 3000000 ]]
  agent_get "$(url notices 'download?bytes=3000000')"
  [[ $(wc -c <"$agent_body") == 3000000 ]]
}

@test "URLs with the internal name and https become external ones" {
  agent_get "$(url notices echo/move)"
  assert_status 302
  [[ $agent_redirect == "$(url notices echo/moved)" ]]
  sign_in "$(url secure links/)"
  assert_page "action='$(url secure links/form)'"
}

@test "a certificate of another name is refused" {
  assert_refused misled 'it is for login.localhost, not for misled.corp.sevenstep.test'
}

@test "a certificate of another authority is refused" {
  assert_refused stranger 'it comes from an authority that is not trusted here: Sevenstep lab CA'
}

@test "no validation: whoever answers is taken for the application" {
  agent_get "$(url careless .well-known/openid-configuration)"
  assert_status 200
  [[ $(jq -r .issuer "$agent_body") == "$SEVENSTEP_ISSUER" ]]
}

@test "an application that speaks no TLS is unreachable" {
  agent_get "$(url plainly)"
  assert_status 502
  assert_error backend_unreachable
}

@test "the doctor looks at the certificate too" {
  lab doctor --app secure
  "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-lab" -c "$SEVENSTEP_LAB" certificates | grep -qx secure.corp.sevenstep.test
}

@test "an expired certificate is refused" {
  cd "$SEVENSTEP_RUN/pki"
  openssl x509 -in backend.crt -x509toreq -signkey backend.key -out "$BATS_TEST_TMPDIR/request" 2>/dev/null
  # As of last week: newer openssl knows no negative -days.
  faketime -f -7d openssl x509 -req -in "$BATS_TEST_TMPDIR/request" -CA ca.crt -CAkey ca.key -days 1 -out backend.crt \
    -extfile <(printf 'subjectAltName=DNS:notices.corp.sevenstep.test') 2>/dev/null
  lab stop backend
  lab start backend
  assert_refused notices 'it expired on'
}
