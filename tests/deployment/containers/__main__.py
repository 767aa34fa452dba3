"""python -m tests.deployment.containers"""

import os
import sys

# Read when gRPC is loaded. What it does in a forked process, before that becomes another program, may never end.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from .command import main

if __name__ == "__main__":
    sys.exit(main())
