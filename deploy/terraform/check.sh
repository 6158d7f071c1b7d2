#!/usr/bin/env bash
# Checks every module and environment: format, validity, tests. Needs OpenTofu (tofu); CHECK names a program that takes
# a folder and does the same offline. Closes with one line of counts, also left in the file named as the argument.
set -uo pipefail
cd "$(dirname "$0")"

passed=0 failed=0 skipped=0
if [[ -z ${CHECK:-} ]] && ! command -v tofu >/dev/null; then
  echo "OpenTofu is missing: see https://opentofu.org/docs/intro/install" >&2
  exit 2
fi

plain() { # DIR: the same with tofu itself
  local p=0 f=0 step
  for step in "fmt -check" "init -backend=false -input=false" validate test; do
    # shellcheck disable=SC2086 # words of a command
    if tofu -chdir="$1" $step >&2; then p=$((p + 1)); else f=$((f + 1)); fi
  done
  echo "check: $p passed, $f failed, 0 skipped"
}

for dir in modules/* bootstrap environments/*; do
  echo "--- $dir"
  out=$("${CHECK:-plain}" "$dir" 2>&1)
  if [[ $out =~ check:\ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    [[ ${BASH_REMATCH[2]} == 0 ]] && echo "${BASH_REMATCH[0]}" || echo "$out"
  else
    failed=$((failed + 1))
    echo "$out"
  fi
done

echo "terraform: $passed passed, $failed failed, $skipped skipped" | tee ${1:+"$1"}
[[ $failed == 0 ]]
