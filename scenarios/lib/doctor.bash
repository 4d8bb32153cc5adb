# shellcheck shell=bash
# What sevenstep-doctor says of a lab, whose KRB5_KDC_PROFILE is set.

admin() { PATH=$PATH:/usr/sbin:/sbin kadmin.local -q "$1"; }

# The report, and that the exit code agrees with it.
diagnose() {
  local code=0
  report=$(lab doctor --json "$@") || code=$?
  [[ $(jq -r .ok <<<"$report") == "$( ((code == 0)) && echo true || echo false)" ]] || fail "exit code $code" "$report"
}

# assert_first CHECK ERROR WORDS: the first failure. Everything after it is skipped or the application's own.
assert_first() {
  local found
  found=$(jq -r '"\(.first.check) \(.first.error)"' <<<"$report")
  [[ $found == "$1 $2" ]] || fail "expected $1 $2, found $found" "$report"
  [[ $(jq -r .first.cause <<<"$report") == *"$3"* ]] || fail "the cause does not say \"$3\"" "$report"
  jq -e '(.first.fix.mit | length > 10) and (.first.fix.ad | length > 10) and .failed <= 2 and (.ok | not)' <<<"$report" >/dev/null || fail "$report"
}

# assert_well CHECKS: all of them pass.
assert_well() {
  jq -e --argjson n "$1" '.ok and .failed == 0 and .passed == $n and .skipped == 0' <<<"$report" >/dev/null || fail "$report"
}

# Types the kadmin commands of the printed fix.
mend() {
  local command
  while read -r command; do admin "$command"; done < <(jq -r .first.fix.mit <<<"$report" | grep -o "kadmin -q '[^']*'" | sed "s/^kadmin -q '//; s/'$//")
}

# A copy of the lab's krb5.conf, changed.
krb5_conf() {
  sed -E "$1" "$KRB5_CONFIG" >"$BATS_TEST_TMPDIR/krb5.conf"
  ! cmp -s "$KRB5_CONFIG" "$BATS_TEST_TMPDIR/krb5.conf" || fail "the edit changes nothing"
}
