#!/usr/bin/env bats
# What a connector has from disk (key and certificate, authorities, keytab) is replaced while it serves.

load lib/lab
load lib/load

other_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days 30 -subj '/CN=another' -config /dev/null \
    -keyout /dev/null -out "$authority" 2>/dev/null
}

# An application whose authority is a file of its own.
setup_file() {
  authority=$BATS_FILE_TMPDIR/authority.pem
  cat >"$BATS_FILE_TMPDIR/checked.yaml" <<YAML
  checked:
    external_url: https://checked.apps.localhost:{cloud}/
    internal_url: https://checked.corp.sevenstep.test:{backend_tls}/
    connect: 127.0.0.1:{backend_tls}
    preauthentication: passthru
    backend_ca: $authority
YAML
  lab_publish "$BATS_FILE_TMPDIR/lab.yaml" "$BATS_FILE_TMPDIR/checked.yaml"
  lab_listen_tls "$BATS_FILE_TMPDIR/lab.yaml"
  other_authority
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
  lab stop connector-2
}
teardown_file() { lab_stop; }

setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  authority=$BATS_FILE_TMPDIR/authority.pem
  checked=https://checked.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
  pem=$SEVENSTEP_RUN/connectors/connector-1.pem keytab=$SEVENSTEP_RUN/keytabs/connector-1.keytab
  cp "$SEVENSTEP_CA" "$authority"
  await_metric connector-1 sevenstep_connector_links 2
  reload 200
}

# reload STATUS [TEXT]: what the connector answers.
reload() {
  run curl -sS -X POST -w '\n%{http_code}' --unix-socket "$SEVENSTEP_RUN/connector-1.sock" http://localhost/reload
  [[ ${lines[-1]} == "$1" && $output == *"${2-}"* ]] || fail "expected $1 ${2-}, found $output"
}

# By signal, until the log says what came of it.
signal_until_log_says() {
  local before
  before=$(grep -c "$1" "$SEVENSTEP_RUN/log/connector-1.log" || true)
  kill -HUP "$(pid_of connector-1)"
  until (($(grep -c "$1" "$SEVENSTEP_RUN/log/connector-1.log") > before)); do agent_get "$SEVENSTEP_PASSTHROUGH_URL"; done
}

@test "another authority of an application counts from the reload on, by either way" {
  agent_get "$checked"
  assert_status 200
  other_authority
  agent_get "$checked"
  assert_status 200
  reload 200 'all was read again'
  agent_get "$checked"
  assert_status 502
  assert_error backend_certificate
  cp "$SEVENSTEP_CA" "$authority"
  signal_until_log_says 'the KDC takes the key'
  agent_get "$checked"
  assert_status 200
  other_authority
  signal_until_log_says 'the KDC takes the key'
  agent_get "$checked"
  assert_error backend_certificate
  cp "$SEVENSTEP_CA" "$authority"
  reload 200
}

@test "an authority that cannot be read is refused, and the one in use stays" {
  echo nothing >"$authority"
  reload 502 "$authority"
  agent_get "$checked"
  assert_status 200
  signal_until_log_says 'the authority of an application in use stays'
  agent_get "$checked"
  assert_status 200
}

@test "a certificate that was got elsewhere is taken" {
  local elsewhere=$BATS_TEST_TMPDIR/elsewhere
  # The same connector registers with another run folder, which ends the certificate that is in use.
  mkdir -p "$elsewhere/pki" "$elsewhere/connectors"
  cp "$SEVENSTEP_CA" "$elsewhere/pki/ca.crt"
  (umask 077 && lab connector token connector-1 >"$elsewhere/connectors/connector-1.token")
  "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-connector" -c "$SEVENSTEP_LAB" -r "$elsewhere" -i connector-1 2>"$BATS_TEST_TMPDIR/log" 3>&- &
  until grep -q 'connected to the cloud' "$BATS_TEST_TMPDIR/log"; do agent_get "$SEVENSTEP_PASSTHROUGH_URL"; done
  kill -TERM $!
  wait $! || true
  await_metric connector-1 sevenstep_connector_links 0
  cp "$elsewhere/connectors/connector-1.pem" "$pem.new"
  mv "$pem.new" "$pem"
  reload 200
  await_metric connector-1 sevenstep_connector_links 2
  sign_in
}

@test "a certificate that cannot be read is refused, and the connections go on" {
  local kept
  kept=$(<"$pem")
  echo nothing >"$pem"
  reload 502 'connector-1.pem'
  [[ $(metric connector-1 sevenstep_connector_links) == 2 ]]
  signal_until_log_says 'the identity in use stays'
  sign_in
  printf '%s\n' "$kept" >"$pem"
  reload 200
}

@test "a keytab that the KDC does not take is refused, and users go on getting tickets" {
  sign_in
  cp "$keytab" "$BATS_TEST_TMPDIR/kept"
  cp "$SEVENSTEP_RUN/keytabs/connector-2.keytab" "$keytab"
  reload 502 connector_credential
  lab connector purge connector-1
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  signal_until_log_says "the connector's own ticket in use stays"
  cp "$BATS_TEST_TMPDIR/kept" "$keytab"
  reload 200
}

@test "nobody notices a reload" {
  sign_in
  load_start
  for _ in 1 2 3; do
    load_await 100
    reload 200
  done
  load_await 100
  load_stop
  refute grep -v '^200 0 ' "$results"
}
