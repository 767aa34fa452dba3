"""Ask a service whether it is ready: `python -m penstock_service.health HOST:PORT`, for probes of containers."""

import sys
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from penstock_proto.channels import open_blocking_channel
from penstock_proto.tls import Tls

TIMEOUT_S: Final = 3.0


def is_ready(address: str, timeout_s: float = TIMEOUT_S, tls: Tls | None = None) -> bool:
    """Whether the service answers that it serves; called as this process calls others, or with other files."""
    stubs: Any = health_pb2_grpc
    messages: Any = health_pb2
    with open_blocking_channel(address, [("grpc.enable_http_proxy", 0)], tls) as channel:
        try:
            answer: Any = stubs.HealthStub(channel).Check(messages.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError:
            return False
    return answer.status == messages.HealthCheckResponse.SERVING


if __name__ == "__main__":
    sys.exit(0 if is_ready(sys.argv[1]) else 1)
