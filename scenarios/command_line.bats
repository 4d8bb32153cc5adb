#!/usr/bin/env bats
# ./sevenstep itself: starting, stopping, and what it says when something is in the way.

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }
setup() { agent_new "$BATS_TEST_TMPDIR/agent"; }

# A run folder for a test that wants a lab of its own; short, for the sockets in it.
own_run() { mktemp -d /tmp/sevenstep-test.XXXXXX; }

@test "status shows every actor ready" {
  run lab status
  [[ $status == 0 ]]
  [[ $(grep -c ' ready ' <<<"$output") == 6 ]]
  [[ $(lab status --json | jq '[.actors[] | select(.state == "ready" and .pid > 0)] | length') == 6 ]]
}

@test "a second up says so and changes nothing" {
  before=$(lab status --json)
  run lab up
  [[ $status == 0 ]]
  [[ $output == *'running already'* ]]
  [[ $(lab status --json) == "$before" ]]
}

@test "env names everything scripts need" {
  run lab env
  [[ $status == 0 ]]
  for name in SEVENSTEP_RUN SEVENSTEP_CA SEVENSTEP_ISSUER SEVENSTEP_APP_URL SEVENSTEP_PASSTHROUGH_URL SEVENSTEP_FORBIDDEN_URL \
    SEVENSTEP_CODE_APP_URL SEVENSTEP_USER SEVENSTEP_PASSWORD SEVENSTEP_CLIENT_ID SEVENSTEP_CLIENT_SECRET SEVENSTEP_REDIRECT_URI \
    KRB5_CONFIG SEVENSTEP_KEYTABS SEVENSTEP_KDC_PORT SEVENSTEP_TUNNEL_PORT SEVENSTEP_BACKEND_URL SEVENSTEP_LAB SEVENSTEP_PORT_BASE; do
    [[ $output == *"export $name='"* ]] || fail "env lacks $name"
  done
  [[ -r $SEVENSTEP_CA && -r $KRB5_CONFIG && -d $SEVENSTEP_KEYTABS ]]
}

@test "env of a running lab needs no more than its run folder" {
  run env -u SEVENSTEP_PORT_BASE -u SEVENSTEP_LAB "$lab_top/sevenstep" env
  [[ $output == *"SEVENSTEP_PORT_BASE='$SEVENSTEP_PORT_BASE'"* ]]
}

@test "a taken port is named, with its key and the remedy" {
  run_folder=$(own_run)
  SEVENSTEP_RUN=$run_folder run lab up
  [[ $status == 4 ]]
  [[ $output == *"cloud.listen: 127.0.0.1:$((SEVENSTEP_PORT_BASE + 3)) is taken"* ]]
  [[ $output == *'SEVENSTEP_PORT_BASE='* ]]
  SEVENSTEP_RUN=$run_folder run lab status
  [[ $status == 6 ]]
  rm -rf "$run_folder"
}

@test "a wrong lab file is named with line and column" {
  sed 's/^realm:/relm:/' "$lab_top/lab.yaml" >"$BATS_TEST_TMPDIR/lab.yaml"
  for command in check up; do
    SEVENSTEP_RUN=$BATS_TEST_TMPDIR/r SEVENSTEP_LAB=$BATS_TEST_TMPDIR/lab.yaml run lab $command
    [[ $status == 3 ]]
    [[ $output =~ lab.yaml:[0-9]+:1:\ unknown\ key\ \"relm\".*did\ you\ mean\ \"realm\" ]]
  done
}

@test "an actor that fails is named with its reason and log, and the others are stopped" {
  run_folder=$(own_run)
  programs=$BATS_TEST_TMPDIR/bin
  mkdir "$programs"
  ln -s "${SEVENSTEP_BIN:-$lab_top/build/release/bin}"/* "$programs"
  rm "$programs/sevenstep-connector"
  printf '#!/bin/sh\necho "the reason why" >&2\nexit 1\n' >"$programs/sevenstep-connector"
  chmod +x "$programs/sevenstep-connector"
  SEVENSTEP_BIN=$programs SEVENSTEP_RUN=$run_folder SEVENSTEP_PORT_BASE=$((SEVENSTEP_PORT_BASE + 10)) run lab up
  [[ $status == 1 ]]
  [[ $output == *'connector-1 ended before it was ready (exit code 1)'* ]]
  [[ $output == *'| the reason why'* ]]
  [[ $output == *"Its log: $run_folder/log/connector-1.log"* ]]
  SEVENSTEP_RUN=$run_folder run lab status
  [[ $status == 6 ]]
  rm -rf "$run_folder"
}

@test "stop and start change one actor, and status tells" {
  lab stop connector-2
  run lab status
  [[ $status == 1 ]]
  [[ $output =~ connector-2\ +stopped ]]
  lab start connector-2
  lab status
}

@test "after a crash up starts again, with the same authority" {
  run_folder=$(own_run)
  export SEVENSTEP_RUN=$run_folder SEVENSTEP_PORT_BASE=$((SEVENSTEP_PORT_BASE + 10))
  lab up
  before=$(sha256sum "$run_folder/pki/ca.crt")
  for lock in "$run_folder"/pid/*.lock; do
    read -r id _ <"$lock"
    kill -KILL -- "-$id"
    flock -w 5 "$lock" true
  done
  run lab status
  [[ $status == 6 ]]
  lab up
  lab status
  [[ $(sha256sum "$run_folder/pki/ca.crt") == "$before" ]]
  lab down
  rm -rf "$run_folder"
}

@test "down leaves no process and frees the ports; a second one is fine" {
  run_folder=$(own_run)
  export SEVENSTEP_RUN=$run_folder SEVENSTEP_PORT_BASE=$((SEVENSTEP_PORT_BASE + 10))
  lab up
  # Each actor has a session of its own, and the KDC a child. The dead may still be waiting for init.
  processes=(pgrep -l -r R,S,D,T -s "$(lab status --json | jq -r '[.actors[].pid] | join(",")')")
  (($("${processes[@]}" | wc -l) == 7))
  lab down
  refute "${processes[@]}"
  "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-lab" -c "$SEVENSTEP_LAB" ports --free >/dev/null
  run lab down
  [[ $status == 0 ]]
  [[ $output == *'not running'* ]]
  rm -rf "$run_folder"
}

@test "everything in the run folder is for its owner only" {
  [[ $(stat -c %a "$SEVENSTEP_RUN") == 700 ]]
  [[ -z $(find "$SEVENSTEP_RUN" -type f -perm /077 -print -quit) ]]
  [[ $(stat -c %a "$SEVENSTEP_KEYTABS"/*.keytab "$SEVENSTEP_RUN"/pki/*.key "$SEVENSTEP_RUN"/connectors/*.pem "$SEVENSTEP_RUN"/cloud/*.key | sort -u) == 600 ]]
}

# openssl_refuses REASON ARGUMENT...
openssl_refuses() {
  run openssl verify "${@:2}"
  [[ $status != 0 && $output == *"$1"* ]] || fail "$output"
}

@test "server certificates are no use as connectors', nor the other way round" {
  cd "$SEVENSTEP_RUN/pki"
  openssl verify -purpose sslserver -CAfile ca.crt idp.crt cloud.crt tunnel.crt
  openssl verify -purpose sslclient -CAfile ../cloud/connector-ca.crt ../connectors/connector-1.pem ../connectors/connector-2.pem
  openssl_refuses 'unable to get local issuer certificate' -purpose sslclient -CAfile ../cloud/connector-ca.crt cloud.crt
  openssl_refuses 'purpose' -purpose sslclient -CAfile ca.crt cloud.crt
  openssl_refuses 'purpose' -purpose sslserver -CAfile ../cloud/connector-ca.crt ../connectors/connector-1.pem
}

@test "an unknown command, actor or option is refused with code 2" {
  for arguments in 'foo' 'up now' 'start nobody' 'stop' 'test --foo' 'demo alice'; do
    # shellcheck disable=SC2086
    run lab $arguments
    [[ $status == 2 ]] || fail "$arguments: $status"
  done
}

@test "an option that a command does not have is named as such" {
  for arguments in 'app add --nope wiki title=x' 'user set --nope alice enabled=false' 'connector add --nope connector-3' 'up --nope' 'status --nope' \
    'logs --nope' 'trace --nope' 'matrix --nope' 'demo --nope' 'revoke --nope' 'test --nope'; do
    # shellcheck disable=SC2086
    run lab $arguments
    [[ $status == 2 && $output == *"${arguments%% *}: there is no option --nope"* ]] || fail "$arguments: $status $output"
  done
}

@test "set without a setting is refused, and so are programs that are not there" {
  run lab app set hello
  [[ $status == 2 && $output == *'app set: expected KEY=VALUE behind hello'* ]] || fail "$output"
  for command in up status env doctor; do
    SEVENSTEP_BIN=$BATS_TEST_TMPDIR run lab "$command"
    [[ $status == 1 && $output == *"there are no programs in SEVENSTEP_BIN ($BATS_TEST_TMPDIR)"* ]] || fail "$command: $status $output"
  done
}
