# shellcheck shell=bash
# The whole test suite: unit tests and fuzz corpora by ctest, scenarios by bats, all on the sanitizers' build.

help_test='Install what is missing, build with AddressSanitizer and UndefinedBehaviorSanitizer, and run all tests.
First the unit tests and the fuzz corpora (ctest), then the scenarios (bats): each starts a lab of its own on its own ports.
Last the lab in containers, where an engine answers or one can be started (as root, with the packages docker.io,
docker-compose, debootstrap and iptables); otherwise that is skipped, with the reason. So are scenarios with Samba,
Java, Chromium and the benchmarks: their packages, which start services or are large, are installed only where CI=true.
Reports in JUnit'\''s form go to build/reports/. The last line counts: N passed, N failed, N skipped.

  --no-install    only list the missing Debian packages, and exit with code 5 if there are any
  --unit          only the first part
  --scenarios     only the second part
  --containers    only the third part
  FILTER          only unit tests, or scenario files, whose name contains this

  ./sevenstep test --unit http          the unit tests of HTTP, in a minute
  ./sevenstep test --scenarios seven    the scenarios of the seven steps'

# Sums over JUnit reports: TESTS FAILED SKIPPED. A program of many Check cases counts as these; one that failed though none of
# its cases did (a sanitizer's finding at its end, say) as one failure more.
count_reports() {
  cat "$@" 2>/dev/null | awk '
    BEGIN { RS = "<testcase " }
    NR == 1 { next }
    {
      failed_here = /<failure/ || /<error/ || /status="fail"/
      if (match($0, /Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/)) {
        split(substr($0, RSTART, RLENGTH), n, /[^0-9]+/)
        bad = n[3] + n[4]
        if (bad == 0 && failed_here) { bad = 1; tests++ }
        tests += n[2]; failed += bad
        next
      }
      tests++
      if (failed_here) failed++
      else if (/<skipped/ || /status="notrun"/ || /status="disabled"/) skipped++
    }
    END { printf "%d %d %d\n", tests, failed, skipped }'
}

run_unit_tests() {
  local only=()
  [[ -z $1 ]] || only=(-R "$1")
  heading "Unit tests and fuzz corpora"
  (cd "$top" && ctest --preset asan -j "$(nproc)" --test-output-size-passed 65536 --output-junit "$reports/unit.xml" ${only[@]+"${only[@]}"})
}

run_scenarios() {
  local files=() file
  for file in "$top"/scenarios/*.bats; do
    [[ -e $file && ${file##*/} == *"$1"* ]] && files+=("$file")
  done
  ((${#files[@]})) || { say "No scenario matches."; return 0; }
  heading "Scenarios"
  # bats names its report itself; a folder of its own keeps it apart.
  rm -rf "$reports/scenarios"
  mkdir -p "$reports/scenarios"
  local code=0
  SEVENSTEP_BIN=$top/build/asan/bin bats --report-formatter junit --output "$reports/scenarios" --print-output-on-failure "${files[@]}" || code=$?
  # bats does not wait for the process that writes its report.
  timeout 60 tail -n +1 -F "$reports/scenarios/report.xml" 2>/dev/null | grep -qm 1 '</testsuites>'
  return "$code"
}

# 77: skipped; the reason is printed by the test itself, and the count says one.
run_containers() {
  local code=0
  heading "Containers"
  "$top/tests/containers/run" --junit "$reports/containers.xml" || code=$?
  ((code != 77)) || printf '<testsuite><testcase name="containers"><skipped/></testcase></testsuite>\n' >"$reports/containers.xml"
  ((code == 0 || code == 77))
}

command_test() {
  local install=1 unit=1 scenarios=1 containers=1 filter='' code=0 tests failed skipped
  while (($#)); do
    case $1 in
      --no-install) install=0 ;;
      --unit) scenarios=0 containers=0 ;;
      --scenarios) unit=0 containers=0 ;;
      --containers) unit=0 scenarios=0 ;;
      *) filter=$1 containers=0 ;;
    esac
    shift
  done
  local purposes=(run build test)
  [[ ${CI-} != true ]] || purposes+=(samba)
  packages_install "$install" "${purposes[@]}"
  # Without them a few scenarios are skipped, no more.
  [[ ${CI-} != true ]] || ((!install)) || (packages_install 1 large bench) || true
  reports=$top/build/reports
  mkdir -p "$reports"
  rm -f "$reports/unit.xml" "$reports/containers.xml"
  rm -rf "$reports/scenarios"
  # The settings of a lab that somebody runs beside must not reach the tests'.
  unset SEVENSTEP_RUN SEVENSTEP_PORT_BASE SEVENSTEP_LAB SEVENSTEP_BIN
  ((!unit && !scenarios)) || build_preset asan
  ((!unit)) || run_unit_tests "$filter" || code=1
  ((!scenarios)) || run_scenarios "$filter" || code=1
  ((!containers)) || run_containers || code=1
  read -r tests failed skipped < <(count_reports "$reports/unit.xml" "$reports/scenarios"/*.xml "$reports/containers.xml")
  say ''
  say "$((tests - failed - skipped)) passed, $failed failed, $skipped skipped"
  ((code == 0 && failed == 0 && tests > 0))
}
