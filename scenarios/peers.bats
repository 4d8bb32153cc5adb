#!/usr/bin/env bats
# Who dials checks whom it has reached (TU-02): connectors the tunnel's name, the cloud the identity provider's, both the authority.

load lib/lab

# Another name than the default.
setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" 's/^  tunnel_name: .*/  tunnel_name: gateway.localhost/'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }

setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  pki=$SEVENSTEP_RUN/pki
  cp -a "$pki" "$BATS_TEST_TMPDIR/kept"
}

# certificate ACTOR HOST [AUTHORITY]: another one for ACTOR, by the lab's authority or another of that name.
certificate() {
  local ca=$pki/ca work=$BATS_TEST_TMPDIR/new
  if [[ -n ${3-} ]]; then
    ca=$BATS_TEST_TMPDIR/ca
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days 30 -subj "/CN=$3" -config /dev/null \
      -keyout "$ca.key" -out "$ca.crt" -addext basicConstraints=critical,CA:TRUE 2>/dev/null
  fi
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days 30 -subj '/CN=new' -config /dev/null \
    -CA "$ca.crt" -CAkey "$ca.key" -keyout "$work.key" -out "$work.crt" \
    -addext basicConstraints=critical,CA:FALSE -addext "subjectAltName=DNS:$2" 2>/dev/null
  mv "$work.key" "$pki/$1.key"
  mv "$work.crt" "$pki/$1.crt"
}

restore() { cp "$BATS_TEST_TMPDIR/kept/$1".* "$pki"; }

# Waits until the log has a new line with this text. FROM: its length before.
log_length() { stat -c %s "$SEVENSTEP_RUN/log/$1.log"; }
await_log() {
  timeout 60 tail -c "+$(($2 + 1))" -f "$SEVENSTEP_RUN/log/$1.log" | grep -qm 1 -- "$3" || fail "$1.log: \"$3\" did not come"
}

restart() {
  lab stop "$1"
  lab start "$1"
}

# Connectors stay away from a cloud that has the tunnel's certificate WHY not, and come back to one that has it.
connectors_refuse() {
  local from
  from=$(log_length connector-1)
  restart cloud
  await_log connector-1 "$from" "cannot reach the cloud .* the peer's certificate: $1"
  agent_get "$SEVENSTEP_PASSTHROUGH_URL"
  assert_error no_connector
  restore tunnel
  from=$(log_length connector-1)
  restart cloud
  await_log connector-1 "$from" 'connected to the cloud'
  agent_get "$SEVENSTEP_PASSTHROUGH_URL"
  assert_status 200
}

@test "the tunnel's certificate is for tunnel_name, and connectors serve" {
  openssl x509 -in "$pki/tunnel.crt" -noout -ext subjectAltName | grep -qw 'DNS:gateway.localhost'
  sign_in
}

@test "a connector stays away from a tunnel of another name" {
  certificate tunnel tunnel.localhost
  connectors_refuse 'it is for tunnel.localhost, not for gateway.localhost'
}

@test "a connector stays away from a tunnel of another authority" {
  certificate tunnel gateway.localhost Stranger
  connectors_refuse 'it comes from an authority that is not trusted here: Stranger'
}

# A logon whose code the cloud is to exchange at a provider that has another certificate by then.
cloud_refuses() {
  open_logon "$SEVENSTEP_CODE_APP_URL"
  agent_submit "username=$SEVENSTEP_USER" "password=$SEVENSTEP_PASSWORD"
  [[ $agent_redirect == *[?\&]code=* ]] || fail "there is no code: $agent_redirect"
  certificate idp "$@"
  restart idp
  agent_follow
  assert_status 502
  assert_error idp_unreachable
  trace_json | jq -e '.steps[] | select(.step == 3) | .error.why | test("certificate")'
  restore idp
  restart idp
  agent_open "$SEVENSTEP_CODE_APP_URL"
  assert_status 200
}

@test "the cloud takes no token from an identity provider of another name" {
  cloud_refuses other.localhost
}

@test "the cloud takes no token from an identity provider of another authority" {
  cloud_refuses login.localhost Stranger
}
