"""A reader of server-sent events, as browsers have one: it remembers the id of the last event."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Stream:
    """Changes as they come over one connection or, after `again`, the next."""

    url: str
    path: str
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    last_id: str = ""
    changes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    # Names of events in the order in which they came.
    names: list[str] = field(default_factory=list[str])
    status: int = 0

    @property
    def seqs(self) -> list[int]:
        return [change["seq"] for change in self.changes]

    def read(self, changes_max: int = 10**9) -> "Stream":
        """Read until the server ends the stream, or some changes have come."""
        for _ in self.events():
            if len(self.changes) >= changes_max:
                break
        return self

    def events(self) -> Iterator[str]:
        """Yield the name of each event once it is taken."""
        headers = self.headers | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        timeout = httpx.Timeout(60.0, read=120.0)
        with httpx.stream(
            "GET", f"{self.url}{self.path}", params=self.params, headers=headers, timeout=timeout, trust_env=False
        ) as answer:
            self.status = answer.status_code
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields.get("event"):
                    yield self._take(fields)
                    fields = {}

    def _take(self, fields: dict[str, str]) -> str:
        self.names.append(fields["event"])
        self.last_id = fields.get("id", self.last_id)
        body = json.loads(fields["data"])
        if fields["event"] == "changes":
            self.messages.append(body)
            self.changes += [{"run": body["run"], **change} for change in body["changes"]]
        return fields["event"]
