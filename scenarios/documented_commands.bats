#!/usr/bin/env bats
# The commands in the documents do what stands beside them: the sh blocks of each document, from the first to the last, in one shell.
# (The tutorial's are in tutorial.bats, as they end with the lab.)

load lib/lab

setup_file() { lab_start; }
teardown_file() { lab_stop; }

# run_blocks NAME: docs/NAME.md, with a password at hand for who asks. A line that ends in "# exit code 1..." has to fail.
run_blocks() {
  cd "$lab_top"
  export KRB5CCNAME=FILE:$BATS_TEST_TMPDIR/tickets
  shell_blocks "docs/$1.md" | sed -E 's/^(.*[^ ]) *# exit code 1.*/code=0; \1 || code=$?; ((code == 1))/' >"$BATS_TEST_TMPDIR/blocks.sh"
  run bash -euo pipefail "$BATS_TEST_TMPDIR/blocks.sh" <<<alice-password
  printf '%s\n' "$output"
  [[ $status == 0 ]]
}

sign_in_with_new_ticket() {
  local connector
  for connector in $(lab status --json | jq -r '.actors[] | select(.state == "ready" and (.name | startswith("connector"))) | .name'); do
    lab connector purge "$connector"
  done
  agent_new "$BATS_TEST_TMPDIR/agent"
  sign_in
}

# All that its blocks have, but what has scenarios of its own and takes minutes. First, as others leave a connector out.
@test "README.md" {
  local command commands said=$BATS_TEST_TMPDIR/said
  cd "$lab_top"
  mapfile -t commands < <(awk '/^```/ { plain = !open && $0 == "```"; open = !open; next } plain' README.md | sed -nE 's/^(.*[^ ]) +# .*/\1/p')
  ((${#commands[@]} == 17)) || fail "${commands[@]}"
  for command in "${commands[@]}"; do
    case $command in
      */sevenstep\ test | */sevenstep\ matrix | */sevenstep\ failures | */sevenstep\ bench) continue ;;
      */sevenstep\ demo) command+=' --no-install' ;;
      */sevenstep\ doctor) lab start kdc ;;
    esac
    bash -c "$command" >"$said" 2>&1 || fail "$command" "$(<"$said")"
    [[ $command != *demo* ]] || grep 'The application inside saw .*alice@' "$said"
  done
  sign_in_with_new_ticket
  lab capture stop # fails if it has nothing to tell
}

@test "docs/changes.md" {
  run_blocks changes
  [[ $output == *wiki* ]]
}

@test "docs/doctor.md" {
  run_blocks doctor
  [[ $output == *'16 passed, 0 failed'* && $output == *evidence_not_forwardable* ]]
}

@test "docs/kerberos.md" {
  run_blocks kerberos
}

@test "docs/metrics.md" {
  run_blocks metrics
  [[ $output == *'# TYPE sevenstep_cloud_'* ]]
}

@test "docs/identity.md" {
  before=$(curl -sS --cacert "$SEVENSTEP_CA" "$SEVENSTEP_ISSUER/keys" | jq '.keys | length')
  run_blocks identity
  [[ $(curl -sS --cacert "$SEVENSTEP_CA" "$SEVENSTEP_ISSUER/keys" | jq '.keys | length') == $((before + 1)) ]]
}

@test "docs/seats.md" {
  run_blocks seats
  [[ $output == *keytabs/guests/web.keytab* && $output == *'nobody: the user'*'s own ticket'* ]]
}

@test "docs/connectors.md" {
  run_blocks connectors
  [[ $output == *'"name": "connector-2"'* ]]
}

@test "docs/trace.md" {
  sign_in_with_new_ticket
  run_blocks trace
  [[ $output == *"$(agent_trace_id | head -c 8)"* && $output == *S4U2Proxy* && $output == *'s4u2proxy TGS-REP'* ]]
}

@test "docs/websocket.md" {
  TMPDIR=$BATS_TEST_TMPDIR run_blocks websocket
  [[ $output == *'text hello'* ]]
}

@test "no document has commands that no test runs" {
  cd "$lab_top"
  while read -r file; do
    grep -qF "$file" scenarios/documented_commands.bats scenarios/tutorial.bats || fail "$file"
  done < <(grep -l '^```sh$' -- *.md docs/*.md)
}
