#!/usr/bin/env bats
# How a connector gets its certificate, and loses it: registration by a one-time token, refusals, renewal without a lost
# request, revocation, and what the cloud tells of it.

load lib/lab

# A certificate is renewed in its second second, so that it happens all the time.
setup_file() {
  lab_edit "$BATS_FILE_TMPDIR/lab.yaml" 's/^  session_lifetime: 3600$/&\n  certificate_lifetime: 3600\n  certificate_renewal: 1/'
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

pem() { printf '%s/connectors/%s.pem' "$SEVENSTEP_RUN" "${1:-connector-1}"; }

serial() { openssl x509 -in "$(pem "$1")" -noout -serial; }

# Waits (inotify, by tail) until the actor's log has a new line with this text. FROM: the length of the log before.
log_length() { stat -c %s "$SEVENSTEP_RUN/log/$1.log"; }
await_log() {
  timeout 20 tail -c "+$(($2 + 1))" -f "$SEVENSTEP_RUN/log/$1.log" | grep -qm 1 -- "$3" || fail "$1.log: \"$3\" did not come"
}

connectors() { lab connector list --json | jq -r "$@"; }

# The token, where the connector looks for it.
hand() { (umask 077 && printf '%s\n' "$2" >"$SEVENSTEP_RUN/connectors/$1.token"); }

start_fails_with() {
  run lab start "$1"
  [[ $status == 1 && $output == *"$2"* ]] || fail "$output"
}

@test "the first start registered both; the key is for the connector only, the token is gone" {
  [[ $(stat -c '%a' "$(pem connector-1)") == 600 ]]
  [[ ! -e $SEVENSTEP_RUN/connectors/connector-1.token ]]
  [[ $(openssl x509 -in "$(pem)" -noout -subject -nameopt RFC2253) == 'subject=CN=connector-1,OU=default,O=sevenstep.test' ]]
  openssl verify -purpose sslclient -CAfile "$SEVENSTEP_RUN/cloud/connector-ca.crt" "$(pem)"
  sign_in
}

@test "list: who is active, since when, from where, with which certificate" {
  [[ $(connectors '.connectors[] | "\(.name) \(.group) \(.state) \(.from) \(.registered)"') == \
    $'connector-1 default active 127.0.0.1 true\nconnector-2 default active 127.0.0.1 true' ]]
  run lab connector list
  [[ $status == 0 && $output == *connector-1*default*active*127.0.0.1* ]]
}

@test "renewal: new keys and certificates all the time, and no request is lost" {
  local before key from i
  sign_in
  before=$(serial connector-1) key=$(openssl pkey -in "$(pem)" -pubout)
  from=$(log_length cloud)
  for i in 1 2 3; do
    await_log cloud "$from" 'connector-1 has a new certificate'
    from=$(log_length cloud)
    agent_get "$SEVENSTEP_APP_URL"
    assert_status 200
  done
  [[ $(serial connector-1) != "$before" && $(openssl pkey -in "$(pem)" -pubout) != "$key" ]]
  [[ $(stat -c '%a' "$(pem)") == 600 ]]
}

@test "revoked: the connection ends, the certificate is of no use, both logs say why; others go on" {
  local of_cloud of_connector
  sign_in
  of_cloud=$(log_length cloud) of_connector=$(log_length connector-1)
  lab connector revoke connector-1
  await_log cloud "$of_cloud" connector_revoked
  await_log connector-1 "$of_connector" connector_revoked
  [[ $(connectors '.connectors[] | select(.name == "connector-1") | "\(.state) \(.registered)"') == 'inactive false' ]]
  run lab status
  [[ $output == *connector-1*'not ready'*'revoked'*'(the cloud said so '[0-9]*' s ago; it is asked again)'* ]]
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  lab stop connector-1
  start_fails_with connector-1 connector_revoked
}

@test "revocation survives a restart of the cloud" {
  lab stop cloud
  lab start cloud
  start_fails_with connector-1 connector_revoked
}

@test "a new token lets it back in" {
  run lab connector register connector-1
  [[ $status == 0 && $output == *'is registered, and is ready'* ]] || fail "$output"
  [[ $(connectors '.connectors[] | select(.name == "connector-1") | "\(.state) \(.registered)"') == 'active true' ]]
}

@test "a running connector registers anew" {
  local from before
  before=$(serial connector-1) from=$(log_length cloud)
  lab connector register connector-1
  await_log cloud "$from" 'connector-1 of group default is registered'
  await_log cloud "$from" 'connector connector-1 of group default is ready'
  [[ $(serial connector-1) != "$before" ]]
}

@test "tokens that are used, of somebody else, or of one's own making are refused, each with its own reason" {
  local token
  lab stop connector-1
  mv "$(pem)" "$BATS_TEST_TMPDIR/kept.pem"
  token=$(lab connector token connector-2)
  hand connector-1 "$token"
  start_fails_with connector-1 registration_token_foreign
  hand connector-1 abcdefghijabcdefghijabcdefghijabcdefghijabc
  start_fails_with connector-1 registration_token_unknown
  token=$(lab connector token connector-1)
  hand connector-1 "$token"
  lab start connector-1
  lab stop connector-1
  hand connector-1 "$token"
  start_fails_with connector-1 registration_token_used
  # What it had before its last registration is on record no more.
  rm "$SEVENSTEP_RUN/connectors/connector-1.token"
  mv "$BATS_TEST_TMPDIR/kept.pem" "$(pem)"
  start_fails_with connector-1 connector_revoked
  lab connector register connector-1
}

@test "without certificate and token it does not start, and says what to do" {
  lab stop connector-1
  lab stop cloud
  mv "$(pem)" "$BATS_TEST_TMPDIR/kept.pem"
  start_fails_with connector-1 connector_unregistered
  mv "$BATS_TEST_TMPDIR/kept.pem" "$(pem)"
  lab start cloud
  lab start connector-1
}

@test "unknown connectors and wrong groups are refused" {
  run lab connector token connector-9
  [[ $status == 1 && $output == *connector_unknown* ]]
  run lab connector token connector-1 --group others
  [[ $status == 1 && $output == *connector_group* ]]
  run lab connector revoke connector-9
  [[ $status == 1 && $output == *connector_unknown* ]]
  run lab connector token
  [[ $status == 2 ]]
  [[ $(lab connector token connector-1 --group default) =~ ^[A-Za-z0-9_-]{43}$ ]]
}

@test "add: one more connector on the running lab, which serves its group, and stays over a restart" {
  run lab connector add connector-3
  [[ $status == 0 && $output == *'connector-3 is added to group default and registered, and is ready'* ]] || fail "$output"
  [[ $(connectors '.connectors[] | select(.name == "connector-3") | "\(.group) \(.state)"') == 'default active' ]]
  lab stop connector-1
  sign_in
  lab stop connector-3
  lab start connector-3
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  lab start connector-1
  run lab connector add connector-3
  [[ $status != 0 ]]
}

@test "remove: it is stopped, its certificate is of no use, and the lab goes on without it" {
  cp "$(pem connector-3)" "$BATS_TEST_TMPDIR/kept.pem"
  lab connector remove connector-3
  [[ -z $(connectors '.connectors[] | select(.name == "connector-3")') ]]
  run lab start connector-3
  [[ $status == 2 ]]
  run lab connector remove connector-3
  [[ $status == 2 ]]
  # Whoever has kept its key gets in neither now nor under the same name later.
  lab connector add connector-3
  lab stop connector-3
  cp "$BATS_TEST_TMPDIR/kept.pem" "$(pem connector-3)"
  start_fails_with connector-3 connector_revoked
  lab connector remove connector-3
  sign_in
}

@test "add: what it cannot end it says, and how to go on" {
  mkdir "$SEVENSTEP_RUN/connectors/connector-4.token.new"
  run lab connector add connector-4
  [[ $status == 1 && $output == *'connector-4 is in the lab now, but not ready'* ]] || fail "$output"
  [[ $output == *'./sevenstep connector register connector-4;'*'./sevenstep connector remove connector-4'* ]] || fail "$output"
  rmdir "$SEVENSTEP_RUN/connectors/connector-4.token.new"
  lab connector register connector-4
  [[ $(connectors '.connectors[] | select(.name == "connector-4") | .state') == active ]]
  lab connector remove connector-4
}

@test "whose group changed in lab.yaml must register again" {
  lab stop connector-2
  lab stop cloud
  sed -i '/^  connector-2:/,$ s/group: default/group: others/' "$BATS_FILE_TMPDIR/lab.yaml"
  lab start cloud
  start_fails_with connector-2 connector_group
  lab connector register connector-2
  [[ $(openssl x509 -in "$(pem connector-2)" -noout -subject -nameopt RFC2253) == *OU=others* ]]
}

@test "another tenant's connectors are refused" {
  lab stop cloud
  sed -i 's/^port_base:/tenant: another.test\n&/' "$BATS_FILE_TMPDIR/lab.yaml"
  lab start cloud
  lab stop connector-2
  start_fails_with connector-2 connector_tenant
}
