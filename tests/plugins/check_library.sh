#!/usr/bin/env bash
# What leaves and enters libattune.so, read from the file.
# Usage: check_library.sh LIBRARY HEADER [SONAME NEEDED…]
set -euo pipefail
library="$1" header="$2"
shift 2
failures=0
fail() { echo "check_library: $*" >&2; failures=$((failures + 1)); }

# Exports: every function of the header, and nothing else.
declared="$(grep -oE '\battune_[a-z_]+\(' "$header" | tr -d '(' | sort -u)"
declared="$(comm -12 <(echo "$declared") \
  <(tr '\n' ' ' <"$header" | grep -oE 'ATTUNE_API [^;]*' |
    grep -oE '\battune_[a-z_]+ ?\(' | tr -d ' (' | sort -u))"
exported="$(nm -D --defined-only "$library" | awk '$2 != "A" {print $3}' |
  sed 's/@.*//' | sort -u)"
if [[ "$declared" != "$exported" ]]; then
  fail "header and exports differ (< header, > library):"
  diff <(echo "$declared") <(echo "$exported") >&2 || true
fi
[[ "$(wc -l <<<"$exported")" -ge 20 ]] || fail "only few exports: $exported"

dynamic="$(readelf -dW "$library")"
segments="$(readelf -lW "$library")"
grep -q NODELETE <<<"$dynamic" || fail "not -z nodelete"
grep -q BIND_NOW <<<"$dynamic" || fail "not -z now"
grep -q TEXTREL <<<"$dynamic" && fail "has text relocations"
grep -q 'RUNPATH.*\$ORIGIN' <<<"$dynamic" || fail "no RUNPATH with \$ORIGIN"
grep -qE 'GNU_STACK.* RW ' <<<"$segments" || fail "no non-executable stack"
grep -qE 'LOAD.* RWE ' <<<"$segments" && fail "has a writable code segment"
# The full protobuf runtime aborts a host that has loaded it, too.
grep -qE 'NEEDED.*libprotobuf\.so' <<<"$dynamic" &&
  fail "needs the full protobuf runtime"

if (($#)); then
  grep -q "SONAME.*\[$1\]" <<<"$dynamic" || fail "SONAME is not $1"
  shift
fi
for needed in "$@"; do
  grep -q "NEEDED.*\[$needed\]" <<<"$dynamic" || fail "$needed is not NEEDED"
done
((failures == 0)) && echo "check_library: $(wc -l <<<"$exported") exports, fine"
