#!/usr/bin/env bats
# `up` after something happened to a connector: its certificate is good no more, or there is none. There is no lab that cannot be
# started again.

load lib/lab

setup_file() {
  cp "$lab_top/lab.yaml" "$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

pem() { printf '%s/connectors/%s.pem' "$SEVENSTEP_RUN" "$1"; }

subject() { openssl x509 -in "$(pem "$1")" -noout -subject -nameopt RFC2253; }

states() { lab connector list --json | jq -r '[.connectors[] | "\(.name) \(.state)"] | join(", ")'; }

# up_again: all are there, and users get in; what it said is in $output.
up_again() {
  run lab up
  [[ $status == 0 && $output == *'The lab is up: 6 actors ready'* ]] || fail "$output"
  [[ $(states) == 'connector-1 active, connector-2 active' ]]
  agent_new "$(mktemp -d "$BATS_TEST_TMPDIR/agent.XXXXXX")"
  sign_in
}

# sign_as_the_cloud FROM TO REQUEST: a certificate of the connectors' authority, for any time.
sign_as_the_cloud() {
  cat >"$BATS_TEST_TMPDIR/ca.conf" <<CONF
[ca]
default_ca = cloud
[cloud]
database = $BATS_TEST_TMPDIR/index
new_certs_dir = $BATS_TEST_TMPDIR
certificate = $SEVENSTEP_RUN/cloud/connector-ca.crt
private_key = $SEVENSTEP_RUN/cloud/connector-ca.key
rand_serial = yes
default_md = sha256
policy = any
[any]
organizationName = supplied
organizationalUnitName = supplied
commonName = supplied
CONF
  : >"$BATS_TEST_TMPDIR/index"
  openssl ca -batch -notext -config "$BATS_TEST_TMPDIR/ca.conf" -startdate "$1" -enddate "$2" -in "$3"
}

@test "nothing happened: nobody registers anew" {
  local before
  before=$(sha256sum "$(pem connector-1)" "$(pem connector-2)")
  lab down
  up_again
  [[ $output != *anew* && $(sha256sum "$(pem connector-1)" "$(pem connector-2)") == "$before" ]]
}

@test "a connector was revoked: it stays out and up says so, the other serves, and a second up is content" {
  lab connector revoke connector-1
  lab down
  run lab up
  [[ $status == 0 && $output == *'The lab is up: 5 actors ready'* ]] || fail "$output"
  [[ $output == *'connector-1 is revoked, and stays out'*'sevenstep connector register connector-1'* ]] || fail "$output"
  [[ $(states) == 'connector-1 inactive, connector-2 active' ]]
  sign_in
  run lab up
  [[ $status == 0 && $output == *'running already'* ]] || fail "$output"
  lab stop connector-2
  run lab up
  [[ $status == 1 && $output == *'a part of the lab is running'* ]] || fail "$output"
}

@test "all were revoked: the lab is up, and its page says that there is no connector" {
  lab connector revoke connector-2
  lab down
  run lab up
  [[ $status == 0 && $output == *'The lab is up: 4 actors ready'* ]] || fail "$output"
  agent_sign_in "$SEVENSTEP_APP_URL" "$SEVENSTEP_USER" "$SEVENSTEP_PASSWORD" || true
  assert_error no_connector
}

@test "registered again they are back, and stay over down and up" {
  lab connector register connector-1
  lab connector register connector-2
  lab down
  up_again
  [[ $output != *revoked* ]]
}

@test "the group was edited in the lab file: the connector registers anew in it" {
  lab down
  sed -i '/^  connector-2:/,$ s/group: default/group: others/' "$SEVENSTEP_LAB"
  up_again
  [[ $output == *'connector-2 registers anew'*connector_group* ]] || fail "$output"
  [[ $(subject connector-1) == *OU=default* && $(subject connector-2) == *OU=others* ]]
  lab down
  cp "$lab_top/lab.yaml" "$SEVENSTEP_LAB"
  up_again
  [[ $(subject connector-2) == *OU=default* ]]
}

@test "the tenant was edited: all register anew" {
  lab down
  sed -i 's/^port_base:/tenant: another.test\n&/' "$SEVENSTEP_LAB"
  up_again
  [[ $(subject connector-1) == *O=another.test && $(subject connector-2) == *O=another.test ]]
  lab down
  cp "$lab_top/lab.yaml" "$SEVENSTEP_LAB"
  up_again
}

@test "the cloud's records were damaged, and removed as its message says: all register anew" {
  local file=$SEVENSTEP_RUN/cloud/connectors.db
  lab down
  rm -f "$file"-*
  head -c 8192 /dev/urandom >"$file"
  run lab up
  [[ $status == 1 && $output == *"connectors.db is damaged"*'remove it'* ]] || fail "$output"
  rm "$file"
  up_again
  [[ $output == *'connector-1 registers anew'*connector_forgotten*'connector-2 registers anew'* ]] || fail "$output"
}

@test "the cloud's folder, and with it the connectors' authority, was lost: all register anew" {
  lab down
  rm -r "$SEVENSTEP_RUN/cloud"
  up_again
  [[ $output == *'signed by another authority'* ]] || fail "$output"
  openssl verify -purpose sslclient -CAfile "$SEVENSTEP_RUN/cloud/connector-ca.crt" "$(pem connector-1)"
}

@test "the certificate has ended: the connector registers anew" {
  lab down
  openssl req -new -key "$(pem connector-1)" -subj /O=sevenstep.test/OU=default/CN=connector-1 -out "$BATS_TEST_TMPDIR/csr"
  sign_as_the_cloud 20200101000000Z 20210101000000Z "$BATS_TEST_TMPDIR/csr" >"$BATS_TEST_TMPDIR/ended"
  openssl pkey -in "$(pem connector-1)" -out "$BATS_TEST_TMPDIR/key"
  cat "$BATS_TEST_TMPDIR/key" "$BATS_TEST_TMPDIR/ended" >"$(pem connector-1)"
  up_again
  [[ $output == *'connector-1 registers anew'*connector_expired* ]] || fail "$output"
}

# The key of FOLDER's authority, with a certificate that begins in a year.
begin_next_year() {
  local later
  later=$(date -u -d '1 year' +%Y%m%d%H%M%SZ)
  printf '%s\n' '[ca]' 'default_ca = a' '[a]' "database = $BATS_TEST_TMPDIR/index" "new_certs_dir = $BATS_TEST_TMPDIR" \
    'rand_serial = yes' 'default_md = sha256' 'policy = any' '[any]' 'commonName = supplied' >"$BATS_TEST_TMPDIR/ca.conf"
  : >"$BATS_TEST_TMPDIR/index"
  openssl req -new -key "$1/ca.key" -subj /CN=later -config /dev/null -out "$BATS_TEST_TMPDIR/csr"
  openssl ca -batch -notext -selfsign -config "$BATS_TEST_TMPDIR/ca.conf" -keyfile "$1/ca.key" -startdate "$later" -days 3650 \
    -in "$BATS_TEST_TMPDIR/csr" -out "$1/ca.crt" 2>/dev/null
}

@test "the clock was ahead: server certificates are made anew, and the authority is, when one says so" {
  local folder=$BATS_TEST_TMPDIR/pki before authority
  provision() { "$lab_top/pki/provision" "$folder" --idp idp.test --tunnel tunnel.test --cloud cloud.test; }
  provision
  before=$(<"$folder/cloud.crt") authority=$(<"$folder/ca.crt")
  provision
  [[ $(<"$folder/cloud.crt") == "$before" ]]
  sed -i "2s/.*/$((EPOCHSECONDS + 2 * 3600))/" "$folder/stamp" # a clock that is behind is not mended here
  provision
  [[ $(<"$folder/cloud.crt") == "$before" ]]
  sed -i "2s/.*/$((EPOCHSECONDS + 400 * 86400))/" "$folder/stamp"
  provision
  [[ $(<"$folder/cloud.crt") != "$before" && $(<"$folder/ca.crt") == "$authority" ]]

  begin_next_year "$folder"
  rm "$folder/stamp"
  run provision
  [[ $status == 1 && $output == *"$folder/ca.crt is valid only from "*' on. Is the clock right? If so, remove that file'* ]] || fail "$output"
  rm "$folder/ca.crt"
  provision
  openssl verify -CAfile "$folder/ca.crt" "$folder/cloud.crt"
}

@test "a certificate was lost or cut short, a token is left over: they register" {
  lab down
  rm "$(pem connector-1)"
  truncate -s 300 "$(pem connector-2)"
  up_again
  lab down
  (umask 077 && echo abcdefghijabcdefghijabcdefghijabcdefghijabc >"$SEVENSTEP_RUN/connectors/connector-1.token")
  up_again
  [[ ! -e $SEVENSTEP_RUN/connectors/connector-1.token ]]
}

@test "the cloud cannot be asked: up says so, and stops what it had started" {
  lab down
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexit 7\n' >"$BATS_TEST_TMPDIR/bin/curl"
  chmod +x "$BATS_TEST_TMPDIR/bin/curl"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run lab up
  [[ $status == 1 && $output == *"admin endpoint does not answer"*'Stopped again: '*cloud* ]] || fail "$output"
  run lab status
  [[ $status == 6 ]]
  up_again
}
