#!/usr/bin/env bats
# A lab is changed as it runs: applications are published, changed and removed, and no actor is restarted for it. Meanwhile users
# go on working.

load lib/lab
load lib/load

setup_file() {
  cp "$lab_top/lab.yaml" "$BATS_FILE_TMPDIR/lab.yaml"
  lab_start "$BATS_FILE_TMPDIR/lab.yaml"
}
teardown_file() { lab_stop; }
setup() {
  agent_new "$BATS_TEST_TMPDIR/agent"
  wiki=https://wiki.apps.localhost:$((SEVENSTEP_PORT_BASE + 3))/
}

# The settings of an application, like those of lab.yaml.
settings_of() {
  printf '%s\n' "external_url=https://$1.apps.localhost:{cloud}/" "internal_url=http://$1.corp.sevenstep.test:{backend}/" \
    'connect=127.0.0.1:{backend}' single_sign_on=kcd "spn=HTTP/$1.corp.sevenstep.test" 'assigned_groups=[staff]'
}

add() {
  local settings
  mapfile -t settings < <(settings_of "$1")
  lab app add --delegate "$1" "${settings[@]}"
}

pids() { lab status --json | jq -c '[.actors[].pid]'; }

changes() { cat "$SEVENSTEP_RUN/changes.yaml" 2>/dev/null || true; }

@test "an application is added, used through all seven steps, and removed; no actor is restarted" {
  before=$(pids)
  agent_get "$wiki"
  assert_status 404
  add wiki
  run lab app list
  [[ $output == *wiki*added*$wiki* ]]
  sign_in "$wiki"
  assert_steps "1 2 3 4 5 6 7"
  assert_page wiki.corp.sevenstep.test
  lab app remove wiki
  agent_get "$wiki"
  assert_status 404
  assert_error application_unknown
  run lab app list
  [[ $output != *wiki* ]]
  [[ $(pids) == "$before" ]]
  # What is taken back leaves nothing, in the realm neither.
  [[ $(changes) != *wiki* ]]
  run klist -k "$SEVENSTEP_KEYTABS/backend.keytab"
  [[ $output == *HTTP/hello.* && $output != *wiki* ]]
}

@test "without --delegate the KDC refuses the ticket, as where nobody told the directory" {
  mapfile -t settings < <(settings_of wiki)
  lab app add wiki "${settings[@]}"
  agent_sign_in "$wiki" "$SEVENSTEP_USER" "$(password_of "$SEVENSTEP_USER")"
  assert_status 403
  [[ $(trace_json | jq .error.step) == 4 ]]
  lab app set --delegate wiki title=Wiki
  agent_get "$wiki"
  assert_status 200
  lab app remove wiki
}

@test "set: what is changed is in force at once, an empty value is the default again" {
  sign_in
  lab app set hello maintenance=true
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 503
  assert_error maintenance
  run lab app list
  [[ $output == *hello*changed* ]]
  lab app set hello maintenance=
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 200
  run lab app list
  [[ $output != *changed* ]]
}

@test "set: lists may be added to and taken from" {
  lab app set hello assigned_users+=frank
  sign_in "$SEVENSTEP_APP_URL" frank@sevenstep.test
  lab app set hello assigned_users-=frank
  agent_new "$BATS_TEST_TMPDIR/other"
  agent_sign_in "$SEVENSTEP_APP_URL" frank@sevenstep.test frank-password
  assert_status 403
  assert_error user_unassigned
}

@test "set: without assignment_required who is assigned to nothing gets in, and with it is out again" {
  lab app set hello assignment_required=false
  sign_in "$SEVENSTEP_APP_URL" frank@sevenstep.test
  assert_page "frank@$SEVENSTEP_REALM"
  lab app set hello assignment_required=
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 302
  agent_new "$BATS_TEST_TMPDIR/anew"
  open_logon
  agent_logon frank@sevenstep.test frank-password
  assert_status 403
  assert_error user_unassigned
}

@test "what is wrong is named with its key, and nothing is changed" {
  before=$(changes) published=$(lab app list)
  refused() {
    run lab app "${@:2}"
    [[ $status == "$1" ]] || fail "expected exit code $1, found $status: $output"
  }
  refused 3 set hello mantenance=true
  [[ $output == *'unknown key "mantenance" in applications.hello; did you mean "maintenance"?'* ]]
  refused 3 set hello maintenance=perhaps
  [[ $output == *'applications.hello.maintenance: expected true or false, found "perhaps"'* ]]
  refused 3 set hello 'assigned_groups=[stuff]'
  [[ $output == *'applications.hello.assigned_groups: there is no group "stuff"'* ]]
  refused 3 set hello 'assigned_groups=[staff'
  refused 3 add wiki external_url=https://wiki.apps.localhost/
  [[ $output == *'"internal_url" is missing'* ]]
  refused 3 add hello title=Again
  [[ $output == *'application "hello" is there already'* ]]
  refused 3 remove hallo
  [[ $output == *'did you mean "hello"?'* ]]
  refused 2 set hello maintenance
  refused 2 set
  refused 2 publish hello
  refused 2 remove --delegate hello
  run lab user set --delegate alice enabled=false
  [[ $status == 2 && $output == *'there is no option --delegate'* ]]
  [[ $(changes) == "$before" && $(lab app list) == "$published" ]]
}

@test "an actor that refuses undoes the change everywhere" {
  cp "$SEVENSTEP_LAB" "$BATS_TEST_TMPDIR/lab.yaml"
  # Edited while the lab runs: that this takes effect later only, an actor has to say.
  sed -i 's/^  session_lifetime: 3600/  session_lifetime: 3601/' "$SEVENSTEP_LAB"
  run add wiki
  cp "$BATS_TEST_TMPDIR/lab.yaml" "$SEVENSTEP_LAB"
  [[ $status == 1 ]]
  [[ $output == *'cloud.session_lifetime has been edited, which takes effect at the next start of the lab only'* ]]
  [[ $output == *'nothing was changed'* ]]
  [[ $output != *'go back'* ]] # nobody had taken anything over
  [[ $(changes) != *wiki* ]]
  agent_get "$wiki"
  assert_status 404
  sign_in
}

# The cloud refuses the change, and one of the others to go back.
@test "undone: whoever took the change over is told to go back, the last one first, whatever the others say" {
  printf 'kept\n' >"$BATS_TEST_TMPDIR/changes.yaml"
  undo() (
    run=$BATS_TEST_TMPDIR
    # shellcheck source=/dev/null
    source "$lab_top/cli/common.sh" && source "$lab_top/cli/change.sh"
    ask() { printf 'changed\n' >"$run/changes.yaml.new"; }
    lab_is_running() { true; }
    actor_is_running() { [[ $1 != kdc-? ]]; }
    provision_certificates() { :; }
    folder_of() { printf '%s' "$run"; }
    curl() {
      local url=${*: -1} socket=${*: -2:1}
      socket=${socket##*/}
      printf '%s%s %s\n' "${socket%.sock}" "${url##*/reload}" "$(<"$run/changes.yaml")" >>"$run/told"
      [[ $socket != cloud.sock && $(tail -n 1 "$run/told") != 'idp?firm kept' ]] && printf '\n200' || printf 'no\n500'
    }
    change_table set users alice enabled=false
  )
  run undo
  [[ $status == 1 && $(<"$BATS_TEST_TMPDIR/changes.yaml") == kept ]]
  [[ $output == *'cloud did not take it over: no'*'idp did not go back; they agree at the next start of the lab'*'nothing was changed'* ]]
  [[ $(<"$BATS_TEST_TMPDIR/told") == "\
kdc changed
backend changed
idp changed
cloud changed
cloud?firm kept
idp?firm kept
backend?firm kept
kdc?firm kept" ]]
}

@test "connectors acknowledge each version before it is in force" {
  version() { curl -s --unix-socket "$SEVENSTEP_RUN/cloud.sock" http://localhost/configuration | jq .version; }
  before=$(version)
  lab app set hello title=Hallo
  [[ $(version) == $((before + 1)) ]]
  [[ $(lab status --json | jq -c '[.actors[].version | select(. != null)] | unique') == "[$((before + 1))]" ]]
  lab app set hello title=Hello
}

@test "under load: an application is added, changed and removed, and no request fails" {
  sign_in
  load_start
  load_await 50
  for round in 1 2 3; do
    add wiki
    load_await 30
    lab app set wiki backend_timeout=long
    lab app set hello "title=Hello $round" backend_timeout=long
    load_await 30
    lab app remove wiki
    lab app set hello title=Hello backend_timeout=
    load_await 30
  done
  load_stop
  echo "# 15 changes under load: $sent sent, $((sent - good)) failed, $arrived arrived" >&3
  ((good == sent && arrived >= sent && sent >= 300))
}

@test "under load: what is in progress at a removed application is finished, what comes is answered 404" {
  # A name of its own: connectors may have a ticket for an earlier wiki, whose key is gone, and then ask twice.
  local memo=${wiki/wiki/memo}
  add memo
  sign_in "$memo"
  before=$(metric backend sevenstep_backend_requests_total)
  curl -s --noproxy '*' --cacert "$SEVENSTEP_CA" -b "$agent_jar" -o "$BATS_TEST_TMPDIR/slow" -w '%{http_code}' \
    "${memo}slow?ms=3000" >"$BATS_TEST_TMPDIR/status" 3>&- &
  slow=$!
  await_metric backend sevenstep_backend_requests_total $((before + 1))
  lab app remove memo
  agent_get "$memo"
  assert_status 404
  kill -0 "$slow"
  wait "$slow"
  [[ $(<"$BATS_TEST_TMPDIR/status") == 200 ]]
  grep -q 'This took a while' "$BATS_TEST_TMPDIR/slow"
}

@test "changes stay over down and up; export is the lab file that says the same" {
  local other=$BATS_TEST_TMPDIR/other
  add wiki
  lab app set hello maintenance=true
  lab app remove public
  lab down
  lab up
  eval "$(lab env)"
  run lab app list
  [[ $output == *wiki*added* && $output == *hello*changed* && $output != *public* ]]
  sign_in "$wiki"
  agent_get "$SEVENSTEP_APP_URL"
  assert_status 503

  lab export >"$BATS_TEST_TMPDIR/export.yaml"
  lab_tool() { "${SEVENSTEP_BIN:-$lab_top/build/release/bin}/sevenstep-lab" "$@"; }
  mkdir "$other"
  for actor in idp kdc cloud backend connector-1; do
    lab_tool -c "$SEVENSTEP_LAB" -r "$SEVENSTEP_RUN" containers $actor >"$BATS_TEST_TMPDIR/$actor"
    lab_tool -c "$BATS_TEST_TMPDIR/export.yaml" -r "$other" containers $actor | diff "$BATS_TEST_TMPDIR/$actor" -
  done

  lab app remove wiki
  lab app set hello maintenance=
  lab app add public title='Public notices' "external_url=https://public.apps.localhost:{cloud}/" \
    "internal_url=http://public.corp.sevenstep.test:{backend}/" "connect=127.0.0.1:{backend}" preauthentication=passthru
  lab_tool -c "$SEVENSTEP_LAB" -r "$SEVENSTEP_RUN" list published | sort >"$BATS_TEST_TMPDIR/published"
  grep -q '^hello ' "$BATS_TEST_TMPDIR/published"
  lab_tool -c "$SEVENSTEP_LAB" -r "$other" list published | sort | diff "$BATS_TEST_TMPDIR/published" -
}

@test "a lab that does not run is changed too, and says when that takes effect" {
  lab down
  run add wiki
  [[ $status == 0 && $output == *'takes effect when the lab is started'* ]]
  lab up
  sign_in "$wiki"
  lab app remove wiki
}

@test "what was changed and is then taken out of the lab file is gone, and check says that its change has no effect" {
  lab down
  lab app set --delegate vault title='The vault'
  lab app set hello assigned_users+=frank
  lab user set frank password=frank-other
  lab connector add connector-3
  sed -i -e '/^  vault:$/,/^$/d' -e '/^  frank:$/,/^$/d' "$SEVENSTEP_LAB"
  run lab check
  [[ $status == 0 && $output == *'/changes.yaml:'*': applications.vault was changed, and is no more in the lab file: the change has no effect'* &&
    $output == *': users.frank was changed'*'hello.assigned_users has "frank", which is there no more'* &&
    $output == *'connector-2.allowed_to_delegate_to has "HTTP/vault.'*'configuration OK' && $output != *'connector-3 was'* ]] || fail "$output"
  lab up
  run lab app list
  [[ $status == 0 && $output != *vault* ]] || fail "$output"
  run lab user list
  [[ $status == 0 && $output != *frank* ]] || fail "$output"
  run lab connector list
  [[ $output == *connector-3* ]] || fail "$output"
  lab connector remove connector-3
  run lab check
  [[ $status == 0 && $output == 'configuration OK' ]] || fail "$output"
  run changes
  [[ $output != *vault* && $output != *frank* ]] || fail "$output"
}
