#!/usr/bin/env bats
# The scenarios' own tools: a test that finds something wrong fails.

load lib/lab

# Conditions whose failure bash's -e does not notice: behind !, and in front of &&.
conditions_without_effect() {
  grep -nE '^ *(! |(read|lab|(agent|assert)_[a-z_]+)\b.* && |(\[\[|\(\().*(\]\]|\)\)) && (\[\[|\(\(|[a-z_]+( |$)))' "$@" |
    grep -vE ' \|\| | && (break|continue|fail|return|skip)\b'
}

@test "no scenario states a condition where its failure goes unnoticed" {
  run conditions_without_effect - <<'LINES'
  ! agent_has_token
  [[ $status == 0 ]] && agent_has_form
  lab stop kdc && lab start kdc
  read -r line && [[ $line == open ]]
  [[ $status == 0 && $output == x ]]
  [[ -e x ]] && break
  ! cmp -s a b || fail "they are the same"
LINES
  [[ ${#lines[@]} == 4 ]]
  run conditions_without_effect "$lab_top"/scenarios/*.bats "$lab_top"/scenarios/lib/*.bash
  [[ -z $(grep -v 'assertions.bats:' <<<"$output") ]] || fail "write refute, or a line for each:" "$output"
}
