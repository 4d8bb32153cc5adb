#!/bin/bash
# sevenstep-trace as a program: exit codes, what goes where, waiting and following. Usage: program.sh PROGRAM
set -u
program=$1
run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
unset SEVENSTEP_RUN NO_COLOR
failed=0

check() { # NAME EXPECTED ACTUAL
  [[ $2 == "$3" ]] && return
  echo "FAILED $1: expected '$2', got '$3'"
  failed=1
}

span() { # TRACE STEP STATUS-MEMBERS
  printf '{"trace_id":"%s","span_id":"000000000000000%s","parent_span_id":"","step":%s,"name":"x","kind":2,"actor":"cloud","instance":"cloud","start_ns":17000000000000000%s0,"duration_ns":1000,%s,"attributes":{},"events":[]}\n' "$1" "$2" "$2" "$2" "$3"
}

first=aaaa0000000000000000000000000001
second=aaaa1111111111111111111111111111
ok='"status":"ok"'

"$program" --run "$run" list 2>/dev/null >&2; check 'no traces yet' 3 $?
mkdir "$run/trace"
span $first 1 "$ok" >>"$run/trace/cloud.jsonl"
span $second 3 "$ok" >>"$run/trace/cloud.jsonl"

"$program" 2>/dev/null >&2; check 'no command' 2 $?
"$program" --run "$run" dance 2>/dev/null >&2; check 'unknown command' 2 $?
"$program" --run "$run" --color pink list 2>/dev/null >&2; check 'bad colour' 2 $?
"$program" --run "$run" --keytab 2>/dev/null >&2; check 'keytab without a file' 2 $?
"$program" --run "$run" --wire --keytab "$run/none" show $first 2>/dev/null >&2; check 'absent keytab' 1 $?
check 'wire of a trace without exchanges' '{"with_kdcs":0,"with_applications":0,"as_reqs":0,"as_reqs_of_user":0,"as_req_cnames":[]}' \
  "$("$program" --run "$run" --wire --json show $first | jq -c .wire)"
"$program" --run "$run" show xyz 2>/dev/null >&2; check 'not an id' 2 $?
"$program" --run "$run" show bbbb 2>/dev/null >&2; check 'unknown id' 3 $?
"$program" --run "$run" show aaaa 2>/dev/null >&2; check 'ambiguous id' 4 $?
check 'complaints stay off the output' '' "$("$program" --run "$run" show aaaa 2>/dev/null)"
check 'prefix' $first "$("$program" --run "$run" --json show aaaa0 | jq -r .trace_id)"
check 'last' $second "$(SEVENSTEP_RUN=$run "$program" --json show | jq -r .trace_id)"
check 'list' 2 "$("$program" --run "$run" --json list | jq length)"
check 'list -n' 1 "$("$program" --run "$run" --json -n 1 list | jq length)"
check 'no colour off a terminal' 0 "$("$program" --run "$run" show | grep -c $'\033')"
check 'colour when asked' true "$("$program" --run "$run" --color always show | grep -q $'\033' && echo true)"

# --wait: the trace becomes complete while it waits.
exec 3< <(exec "$program" --run "$run" --json --wait 30 show $second | jq -r .sequence)
span $second 7 "$ok" >>"$run/trace/connector-1.jsonl"
read -r -t 30 sequence <&3
check 'wait for the end' 37 "$sequence"
"$program" --run "$run" --wait 1 show $first >/dev/null; check 'wait in vain shows what there is' 0 $?

# follow: lines written until one of them comes through, for the program takes a moment to begin.
coproc follow { exec "$program" --run "$run" --json follow; }
line=''
for _ in {1..100}; do
  span $first 7 "$ok" >>"$run/trace/cloud.jsonl"
  read -r -t 0.1 line <&"${follow[0]}" && break
done
check 'follow' $first "$(jq -r .trace_id <<<"$line")"
kill "$follow_PID" 2>/dev/null

[[ $failed == 0 ]] && echo 'all passed'
exit $failed
