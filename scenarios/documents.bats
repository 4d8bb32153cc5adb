#!/usr/bin/env bats
# What is written about the lab is what the programs say of themselves.

load lib/lab

bin() { printf '%s' "${SEVENSTEP_BIN:-$lab_top/build/release/bin}"; }

@test "docs/lab.md is the table of keys" {
  "$(bin)/sevenstep-lab" doc | diff -u "$lab_top/docs/lab.md" -
}

@test "the manual pages are what --help says" {
  "$lab_top/docs/man/make" "$(bin)" "$BATS_TEST_TMPDIR"
  for page in "$BATS_TEST_TMPDIR"/*.1; do diff -u "$lab_top/docs/man/${page##*/}" "$page"; done
}

@test "programs that obey more signals than to end say so, and how else they are called" {
  for name in cloud connector; do
    run "$(bin)/sevenstep-$name" --help
    [[ $output == *$'\nSIGTERM and SIGINT'*'a second one'*$'\nSIGHUP'* ]] || { echo "$name: $output"; return 1; }
  done
  run "$(bin)/sevenstep-cloud" --help
  [[ $output == *$'\n       sevenstep-cloud token NAME '* ]]
}

@test "every command has a help that names it, and an example" {
  mapfile -t names < <("$lab_top/sevenstep" --help | sed -n 's/^  \([a-z]*\)   *[A-Z].*/\1/p')
  ((${#names[@]} >= 20))
  for name in "${names[@]}"; do
    run "$lab_top/sevenstep" "$name" --help
    [[ $status == 0 ]]
    [[ $output == "usage: ./sevenstep $name"* ]]
    [[ $name == version || $(tail -n +3 <<<"$output") == *"./sevenstep $name"* ]] || { echo "$name has no example"; return 1; }
  done
}

# What a heading can be linked by.
anchors() { sed -nE 's/^#+ //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }

@test "links between the documents lead somewhere" {
  cd "$lab_top"
  local links=0 to
  for file in *.md docs/*.md bench/README.md; do
    while read -r link; do
      to=$(dirname "$file")/${link%%#*}
      [[ $link != '#'* ]] || to=$file
      [[ -e $to ]] || fail "$file: $link"
      [[ $link != *'#'* ]] || anchors "$to" | grep -qx -- "${link#*#}" || fail "$file: $link"
      links=$((links + 1))
    done < <(grep -oE '\]\([^):]+\)' "$file" | sed 's/^](//; s/)$//')
  done
  ((links >= 80)) || fail "$links links"
}

# lab_with FILE: lab.yaml with a yaml block changed in it: keys of the lab, applications, or keys of one.
lab_with() {
  mkdir -p "$BATS_TEST_TMPDIR/run"
  sed -e '/^ *\.\.\.$/d' "$1" | awk '
    { text = text $0 "\n" }
    NR == 1 { first = $1 }
    END {
      if (first ~ /^(applications|backend|cloud|connectors|idp|kdc):/) { printf "%s", text; exit }
      print "applications:"
      if (first !~ /^(cors|external_url|single_sign_on|[a-z_]*_cookie):/) { printf "%s", indented(text, "  "); exit }
      print "  example:"
      if (text !~ /(^|\n)external_url:/) print "    external_url: https://example.apps.localhost:{cloud}/\n    internal_url: http://example.corp.sevenstep.test/"
      printf "%s", indented(text, "    ")
    }
    function indented(text, by) { gsub(/\n/, "\n" by, text); return by substr(text, 1, length(text) - length(by)) }' >"$BATS_TEST_TMPDIR/run/changes.yaml"
  "$(bin)/sevenstep-lab" -c "$lab_top/lab.yaml" -r "$BATS_TEST_TMPDIR/run" check
}

@test "the yaml blocks of the documents are right" {
  local block found=0
  cd "$BATS_TEST_TMPDIR"
  printf 'single_sign_on: heather\n' >wrong
  refute lab_with wrong
  awk '/^```$/ { inside = 0 } inside { print >file } /^```yaml$/ { inside = 1; file = "block-" ++n }' "$lab_top"/docs/*.md
  for block in block-*; do
    lab_with "$block" || fail "$(<"$BATS_TEST_TMPDIR/run/changes.yaml")"
    found=$((found + 1))
  done
  [[ $found == "$(cat "$lab_top"/docs/*.md | grep -c '^```yaml$')" && $found -ge 9 ]]
}

@test "every ./sevenstep COMMAND that a document names is one" {
  cd "$lab_top"
  known=$(./sevenstep --help | sed -n 's/^  \([a-z]*\)   *[A-Z].*/\1/p')
  while read -r name; do
    grep -qx "$name" <<<"$known" || { echo "there is no ./sevenstep $name"; return 1; }
  done < <(grep -hoE '\./sevenstep [a-z]+' -- *.md docs/*.md bench/README.md lab.yaml | sort -u | sed 's/.* //')
}

# keys_of TABLE: those of a row.
keys_of() { sed -n "/^## $1\.NAME\$/,/^## /s/^| \`\([a-z_]*\)\`.*/\1/p" "$lab_top/docs/lab.md"; }

@test "what errors tell to set is a key, by a command that a running lab takes" {
  cd "$lab_top"
  local noun table keys key pattern
  for noun in app:applications user:users; do
    table=${noun#*:} noun=${noun%:*}
    keys=$(keys_of "$table")
    while read -r key; do
      grep -qx -- "$key" <<<"$keys" || { echo "$table have no key $key"; return 1; }
    done < <(grep -oE "\./sevenstep $noun set [A-Z]+ [a-z_]+\+?=" docs/errors.md | sed 's/.* //; s/+*=$//')
    pattern=$(paste -sd '|' <<<"$keys")
    run grep -nE "(^|[^.a-z_])($pattern):( |,|\.)" docs/errors.md
    [[ $status == 1 ]] || { echo "not in the lab file: $output"; return 1; }
  done
}

@test "the defaults that docs/publishing.md compares with the real service's are ours" {
  cd "$lab_top"
  local _ key ours found rows=0
  while IFS='|' read -r _ key ours _; do
    key=${key//[\` ]/} ours=${ours# } ours=${ours% }
    found=$(sed -n "s/^| \`$key\` |.*| \([^|]*\) |\$/\1/p" docs/lab.md | sort -u)
    grep -qxF -- "$ours" <<<"$found" || { echo "$key: $ours, docs/lab.md: $found"; return 1; }
    rows=$((rows + 1))
  done < <(sed -n '/^## Where our defaults differ/,$p' docs/publishing.md | grep '^| `')
  ((rows >= 6))
}

@test "ARCHITECTURE.md names every library and every program" {
  cd "$lab_top"
  for library in common/*/; do
    library=$(basename "$library")
    grep -qE "^\| ([a-z_]+, )*$library(, [a-z_]+)* \|" ARCHITECTURE.md || { echo "no library $library"; return 1; }
    sed -n '/^base/,/^```/p' ARCHITECTURE.md | grep -qw "$library" || { echo "$library depends on nobody"; return 1; }
  done
  for program in "$(bin)"/sevenstep-*; do
    grep -q "$(basename "$program")" ARCHITECTURE.md || { echo "no program $program"; return 1; }
  done
}

@test "the README leads to every document" {
  cd "$lab_top"
  for file in docs/*.md docs/man bench/README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md; do
    grep -qF "]($file" README.md || { echo "$file"; return 1; }
  done
}

@test "the presets that CONTRIBUTING.md names are there, and no other" {
  cd "$lab_top"
  diff <(jq -r '.configurePresets[] | select(.hidden | not) | .name' CMakePresets.json | sort) \
    <(awk '/^\| preset/ { inside = 1; next } !/^\|/ { inside = 0 } inside && !/^\|---/ { print $2 }' CONTRIBUTING.md | sort)
}

@test "docs/http.md has every clause, and the tests it names are there" {
  cd "$lab_top"
  for n in {01..33}; do
    grep -q "^| HT-$n | .* | .* |\$" docs/http.md || { echo "HT-$n"; return 1; }
  done
  while read -r name; do
    grep -qxF "START_TEST($name)" tests/unit/*/*.c || grep -qE "^  X\($name," tests/unit/*/*.c || grep -qF "@test \"$name\" {" scenarios/*.bats ||
      { echo "there is no test $name"; return 1; }
  done < <(sed -n 's/^| HT-[0-9]* | .* | \(.*\) |$/\1/p' docs/http.md | grep -o '`[^`]*`' | tr -d '`')
}
