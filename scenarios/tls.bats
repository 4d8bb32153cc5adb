#!/usr/bin/env bats
# TLS at the proxy: sessions are resumed, and certificates are replaced while it runs.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

address() {
  local at=${SEVENSTEP_PASSTHROUGH_URL#https://}
  at=${at%%/*}
  printf '127.0.0.1:%s' "${at##*:}"
}

host() {
  local at=${SEVENSTEP_PASSTHROUGH_URL#https://}
  printf '%s' "${at%%[:/]*}"
}

# One connection by openssl, with a request, so that the tickets of TLS 1.3 are read before the end.
connect() {
  printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$(host)" |
    openssl s_client -connect "$(address)" -servername "$(host)" -CAfile "$SEVENSTEP_CA" -verify_return_error -ign_eof "$@" 2>&1
}

serial() {
  connect | openssl x509 -noout -serial
}

pid_of() {
  lab status --json | jq -r --arg name "$1" '.actors[] | select(.name == $name) | .pid'
}

# Told to read its certificates, until it says what came of it.
reload_until_log_says() {
  local before
  before=$(grep -c "$1" "$SEVENSTEP_RUN/log/cloud.log" || true)
  kill -HUP "$(pid_of cloud)"
  until (($(grep -c "$1" "$SEVENSTEP_RUN/log/cloud.log") > before)); do agent_get "$SEVENSTEP_PASSTHROUGH_URL"; done
}

new_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days 30 -subj '/CN=renewed' -config /dev/null \
    -CA "$SEVENSTEP_RUN/pki/ca.crt" -CAkey "$SEVENSTEP_RUN/pki/ca.key" -keyout "$BATS_TEST_TMPDIR/key" -out "$BATS_TEST_TMPDIR/crt" \
    -addext basicConstraints=critical,CA:FALSE -addext 'subjectAltName=DNS:*.apps.localhost' 2>/dev/null
  mv "$BATS_TEST_TMPDIR/key" "$SEVENSTEP_RUN/pki/cloud.key"
  mv "$BATS_TEST_TMPDIR/crt" "$SEVENSTEP_RUN/pki/cloud.crt"
}

# An alert by its number (RFC 8446 6.2), and no handshake.
assert_alert() {
  [[ $status != 0 && $output == *"SSL alert number $1"* && $output == *'Cipher is (NONE)'* ]] || fail "$output"
}

@test "users are served by TLS 1.2 and 1.3 with AEAD suites, and refused with all else" {
  connect -tls1_3 | grep -q '^New, TLSv1.3'
  connect -tls1_2 | grep -q '^New, TLSv1.2'
  connect -tls1_2 -cipher ECDHE+AESGCM:ECDHE+CHACHA20 | grep -q '^New, TLSv1.2'
  run connect -tls1_1 -cipher ALL:@SECLEVEL=0
  assert_alert 70
  run connect -tls1_2 -cipher 'ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0'
  assert_alert 40
}

@test "renegotiation is refused" {
  local code=0 said=$BATS_TEST_TMPDIR/said
  mkfifo "$BATS_TEST_TMPDIR/commands"
  timeout 20 openssl s_client -connect "$(address)" -servername "$(host)" -tls1_2 <"$BATS_TEST_TMPDIR/commands" >"$said" 2>&1 &
  exec 5>"$BATS_TEST_TMPDIR/commands" # open until the refusal ends it: the end of its input would, too
  printf 'R\n' >&5
  wait $! || code=$?
  exec 5>&-
  grep -q '^RENEGOTIATING' "$said"
  grep -q ':no renegotiation:' "$said" || fail "ended with $code" "$(cat "$said")"
}

@test "the tunnel's port speaks TLS 1.3 and nothing else" {
  tunnel() {
    openssl s_client -connect "127.0.0.1:$((SEVENSTEP_PORT_BASE + 5))" -alpn h2 -CAfile "$SEVENSTEP_CA" -verify_return_error "$@" </dev/null 2>&1
  }
  tunnel -tls1_3 | grep -q '^New, TLSv1.3'
  run tunnel -tls1_2
  assert_alert 70
}

@test "a session of TLS 1.2 is resumed" {
  connect -tls1_2 -sess_out "$BATS_TEST_TMPDIR/session" | grep -q '^New, TLSv1.2'
  connect -tls1_2 -sess_in "$BATS_TEST_TMPDIR/session" | grep -q '^Reused, TLSv1.2'
}

@test "a session of TLS 1.3 is resumed" {
  connect -tls1_3 -sess_out "$BATS_TEST_TMPDIR/session" | grep -q '^New, TLSv1.3'
  connect -tls1_3 -sess_in "$BATS_TEST_TMPDIR/session" | grep -q '^Reused, TLSv1.3'
}

@test "a new certificate is served after SIGHUP, without one error" {
  local before port
  port=$(address)
  before=$(serial)
  h2load --connect-to="$port" -n 6000 -c 4 -m 8 "$SEVENSTEP_PASSTHROUGH_URL" >"$BATS_TEST_TMPDIR/h2load" &
  for _ in 1 2 3; do
    new_certificate
    reload_until_log_says 'new connections get the certificate'
    agent_get "$SEVENSTEP_PASSTHROUGH_URL"
    assert_status 200
    [[ $(serial) != "$before" ]]
    before=$(serial)
  done
  wait $!
  grep -F '6000 succeeded, 0 failed, 0 errored, 0 timeout' "$BATS_TEST_TMPDIR/h2load"
}

@test "a session that began under the old certificate is resumed under the new one" {
  connect -tls1_3 -sess_out "$BATS_TEST_TMPDIR/session" >/dev/null
  new_certificate
  reload_until_log_says 'new connections get the certificate'
  connect -tls1_3 -sess_in "$BATS_TEST_TMPDIR/session" | grep -q '^Reused, TLSv1.3'
}

@test "a certificate that does not fit its key is not taken, and the log says so" {
  local before
  before=$(serial)
  cp "$SEVENSTEP_RUN/pki/cloud.crt" "$BATS_TEST_TMPDIR/kept"
  cp "$SEVENSTEP_RUN/pki/tunnel.crt" "$SEVENSTEP_RUN/pki/cloud.crt"
  reload_until_log_says 'the certificate in use stays'
  [[ $(serial) == "$before" ]]
  cp "$BATS_TEST_TMPDIR/kept" "$SEVENSTEP_RUN/pki/cloud.crt"
}

@test "a certificate that has expired is not taken" {
  local before
  before=$(serial)
  cp "$SEVENSTEP_RUN/pki/cloud.crt" "$BATS_TEST_TMPDIR/kept"
  faketime '2020-01-01' openssl req -x509 -new -key "$SEVENSTEP_RUN/pki/cloud.key" -days 30 -subj /CN=old -config /dev/null \
    -out "$BATS_TEST_TMPDIR/expired"
  cp "$BATS_TEST_TMPDIR/expired" "$SEVENSTEP_RUN/pki/cloud.crt"
  reload_until_log_says 'has expired'
  [[ $(serial) == "$before" ]]
  cp "$BATS_TEST_TMPDIR/kept" "$SEVENSTEP_RUN/pki/cloud.crt"
}

# The name is none of this machine's.
get_intranet() {
  agent_get "$intranet" --resolve "intranet.example.com:$((SEVENSTEP_PORT_BASE + 3)):127.0.0.1"
}

@test "an application that is added at a host of its own has its certificate at once, and nobody sees an error" {
  intranet=https://intranet.example.com:$((SEVENSTEP_PORT_BASE + 3))/
  local port pid
  port=$(address)
  pid=$(pid_of cloud)
  run get_intranet
  [[ $status != 0 ]]
  h2load --connect-to="$port" -n 6000 -c 4 -m 8 "$SEVENSTEP_PASSTHROUGH_URL" >"$BATS_TEST_TMPDIR/h2load" &
  lab app add intranet "external_url=https://intranet.example.com:{cloud}/" 'internal_url=http://intranet.corp.sevenstep.test:{backend}/' \
    'connect=127.0.0.1:{backend}' preauthentication=passthru
  get_intranet
  assert_status 200
  agent_get "$SEVENSTEP_PASSTHROUGH_URL"
  assert_status 200
  wait $!
  grep -F '6000 succeeded, 0 failed, 0 errored, 0 timeout' "$BATS_TEST_TMPDIR/h2load"
  [[ $(pid_of cloud) == "$pid" ]]
  lab app remove intranet
}

@test "an application is not added while the certificate for it cannot be used" {
  cp "$SEVENSTEP_RUN/pki/cloud.crt" "$BATS_TEST_TMPDIR/kept"
  cp "$SEVENSTEP_RUN/pki/tunnel.crt" "$SEVENSTEP_RUN/pki/cloud.crt"
  run curl -sS -X POST -w '%{http_code}' --unix-socket "$SEVENSTEP_RUN/cloud.sock" http://localhost/reload
  [[ $output != *200 ]]
  agent_get "$SEVENSTEP_PASSTHROUGH_URL"
  assert_status 200
  cp "$BATS_TEST_TMPDIR/kept" "$SEVENSTEP_RUN/pki/cloud.crt"
}
