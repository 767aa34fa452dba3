#!/usr/bin/env bash
# Makes the Python code of every .proto file. grpcio-tools 1.81.1 on purpose: its code loads on protobuf 6 and 7.
set -euo pipefail
cd "$(dirname "$0")"
out=${1:-.}
mkdir -p "$out"
mapfile -t files < <(find penstock_proto -name '*.proto' | sort)
uv run --no-project --isolated --python 3.11 --with 'grpcio-tools==1.81.1' --with 'setuptools<81' python -m grpc_tools.protoc \
    -I. --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" "${files[@]}"
# Files that would be empty: a package without a service.
find "$out/penstock_proto" -name '*_pb2_grpc.py' | while read -r f; do grep -q '^class' "$f" || rm "$f"; done
