#!/bin/sh
# Copies this folder to the board by ssh: sh copy_to_board.sh [USER@ADDRESS]
set -eu
board="@board@"
cd "$(dirname "$0")"
tar -czf - . | ssh -- "$board" @remote@
echo "Copied. On the board: cd "@place@" && python3 predict.py IMAGE"
