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

@test "no document has commands that no test runs" {
  cd "$lab_top"
  while read -r file; do
    grep -qhF "$file" scenarios/documented_commands.bats scenarios/tutorial.bats || fail "$file"
  done < <(grep -l '^```sh$' -- *.md docs/*.md)
}
