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

@test "every command has a help that names it" {
  while read -r name; do
    run "$lab_top/sevenstep" "$name" --help
    [[ $status == 0 ]]
    [[ $output == "usage: ./sevenstep $name"* ]]
  done < <("$lab_top/sevenstep" --help | sed -n 's/^  \([a-z]*\)   *[A-Z].*/\1/p')
}

@test "links between the documents lead somewhere" {
  cd "$lab_top"
  for file in *.md docs/*.md; do
    while read -r link; do
      [[ -e $(dirname "$file")/$link ]] || { echo "$file: $link"; return 1; }
    done < <(grep -o '](\([^)#:]*\))' "$file" | sed 's/](\(.*\))/\1/' | grep -v '^$')
  done
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
