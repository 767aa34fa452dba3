"""`penstock-access`: makes the key that the services of a deployment share, and tokens by which it is set up."""

import argparse
import sys
import time
from pathlib import Path

from . import keys
from .errors import AccessError


def main() -> int:
    parser = argparse.ArgumentParser(prog="penstock-access", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    key = commands.add_parser("key", help="Make a service key, in a file that only you can read.")
    key.add_argument("file", type=Path)
    token = commands.add_parser("token", help="Show a token of a service, valid for 5 minutes: it may do everything.")
    token.add_argument("file", type=Path, help="Choose the file that holds the service key.")
    chosen = parser.parse_args()
    try:
        if chosen.command == "key":
            keys.create_file(chosen.file)
        else:
            print(keys.service_token(keys.read_file(chosen.file), "setup", time.time()))
    except AccessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
