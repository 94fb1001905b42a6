#!/usr/bin/env bash
# Duty: build every C program of examples/c and Tests/c against libbetty.so in the folder $1 with
# every warning an error, and run it where a leak or a bad access is seen: under valgrind, or, where
# there is none, with AddressSanitizer. A program passes when it returns 0.
set -uo pipefail
cd "$(dirname "$0")/.."
library=$(realpath "$1")
out=${BETTY_SCRATCH:-.build}/c
suppressions=Tests/c/valgrind.supp
mkdir -p "$out"

flags=(-std=c99 -g -O0 -Wall -Wextra -Wpedantic -Werror -Iinclude)
links=("-L$library" -lbetty "-Wl,-rpath,$library" -lm -lpthread)
runner=()
if command -v valgrind >/dev/null; then
  runner=(valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite
    --errors-for-leak-kinds=definite)
  [ ! -e "$suppressions" ] || runner+=("--suppressions=$suppressions")
  how="under valgrind"
else
  flags+=(-fsanitize=address,undefined)
  how="with AddressSanitizer"
fi

passed=0 failed=0
shopt -s nullglob
for source in examples/c/*.c Tests/c/*.c; do
  program=$out/$(basename "$source" .c)
  if gcc "${flags[@]}" "$source" -o "$program" "${links[@]}" &&
    "${runner[@]}" "$program" >"$program.log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $source"
    [ ! -e "$program.log" ] || head -n 40 "$program.log"
  fi
done
echo "C tests: $passed passed, $failed failed, $how"
[ "$failed" = 0 ]
