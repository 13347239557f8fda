#!/bin/sh
# Builds module.wasm beside this file; needs clang-19 and lld-19 (Debian's packages of these names).
# A small stack below the data and no room to spare: a host resets so little memory without a system call.
set -eu
cd "$(dirname "$0")"
exec clang-19 --target=wasm32 -nostdlib -std=c11 -Wall -Wextra -Werror -O2 -mbulk-memory \
    -Wl,--no-entry -Wl,--strip-debug -Wl,-z,stack-size=16384 -Wl,--stack-first -Wl,--initial-memory=131072 \
    -o module.wasm src/credit.c src/json.c src/abi.c
