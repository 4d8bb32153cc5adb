#!/usr/bin/env bats
# A Kerberos ticket that goes over TLS is bound to that server's certificate: who gets it there cannot pass it on.

load lib/lab

setup_file() {
  lab_publish "$BATS_FILE_TMPDIR/lab.yaml" "$BATS_TEST_DIRNAME/channel_bindings.yaml" HTTP/secure.corp.sevenstep.test
  lab_listen_tls "$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

url() {
  printf 'https://%s.apps.localhost:%s/whoami.json' "$1" $((SEVENSTEP_PORT_BASE + 3))
}

# The application's key channel_bindings, from here on.
set_bindings() {
  sed -i -e '/^  channel_bindings:/d' -e "/^backend:/a\\  channel_bindings: $1" "$SEVENSTEP_LAB"
  lab stop backend
  lab start backend
}

# A cached ticket that is refused would be asked for again, and the second refusal is an error of its own.
forget_tickets() {
  lab connector purge connector-1
  lab connector purge connector-2
}

@test "over TLS the ticket is bound, over plain HTTP it is not" {
  sign_in "$(url secure)"
  [[ $(jq -c '[.user, .ticket.channel_bound]' "$agent_body") == '["alice@CORP.SEVENSTEP.TEST",true]' ]]
  assert_step_attribute 6 connector krb.channel_binding tls-server-end-point
  assert_step_attribute 6 backend krb.channel_bound true
  # Also on the connection that is open already, with the ticket that is known already.
  agent_get "$(url secure)"
  [[ $(jq .ticket.channel_bound "$agent_body") == true ]]
  agent_new "$BATS_TEST_TMPDIR/another"
  sign_in "$(url hello)"
  [[ $(jq .ticket.channel_bound "$agent_body") == false ]]
}

# What Bnd of the last response's authenticator is, as it was sent.
sent_bindings() {
  trace_json >/dev/null # complete
  lab trace --wire --json "$(agent_trace_id)" |
    jq -r '.steps[].wire[]? | select(.kind == "ap").request.authenticator.plain.cksum.channel_bindings'
}

@test "on the wire it is the hash of that server's certificate (RFC 5929, RFC 4121), and nothing without TLS" {
  sign_in "$(url secure)"
  expected=$({
    head -c 16 /dev/zero
    printf '\x35\x00\x00\x00tls-server-end-point:'
    openssl x509 -in "$SEVENSTEP_RUN/pki/backend.crt" -outform DER | openssl dgst -sha256 -binary
  } | openssl dgst -md5 -r | cut -d ' ' -f 1)
  [[ $(sent_bindings) == "$expected" ]] || fail "expected $expected, found $(sent_bindings)"
  agent_new "$BATS_TEST_TMPDIR/another"
  sign_in "$(url hello)"
  [[ $(sent_bindings) == none ]]
}

@test "a ticket that was taken at one TLS server is refused at another" {
  forget_tickets
  agent_sign_in "$(url led)" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD" || true
  assert_status 403
  assert_error backend_refused_ticket
  grep -q ticket_channel "$SEVENSTEP_RUN/log/backend.log"
}

@test "none: the same ticket is passed on, and lets whoever has it in" {
  set_bindings none
  agent_sign_in "$(url led)" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD"
  assert_status 200
  [[ $(jq -c '[.user, .ticket.channel_bound]' "$agent_body") == '["alice@CORP.SEVENSTEP.TEST",false]' ]]
}

@test "require: the connector's tickets are bound, and the relayed one is refused all the same" {
  set_bindings require
  sign_in "$(url secure)"
  [[ $(jq .ticket.channel_bound "$agent_body") == true ]]
  agent_new "$BATS_TEST_TMPDIR/another"
  forget_tickets
  agent_sign_in "$(url led)" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD" || true
  assert_error backend_refused_ticket
}
