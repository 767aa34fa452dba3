"""How far the tracer came, kept in a file: where to read on after a restart, and what was exported already."""

import json
import os
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from .errors import BadBookmark

FILE: Final = "bookmark.json"


class Mark(NamedTuple):
    """One shard: the first position that open runs need, and the last whose spans were exported."""

    from_seq: int
    exported_seq: int


class _Content(NamedTuple):
    deployment: str
    shards: dict[int, Mark]


_adapter: Final = TypeAdapter(_Content)


class Bookmark:
    """One folder's file; nothing is kept if no folder is named."""

    def __init__(self, folder: Path | None, deployment: str) -> None:
        self._path = None if folder is None else folder / FILE
        self._deployment = deployment

    def load(self) -> dict[int, Mark]:
        """Return what was saved last. Raises BadBookmark, OSError."""
        if self._path is None:
            return {}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            return {}
        try:
            content = _adapter.validate_json(self._path.read_bytes())
        except ValidationError as error:
            raise BadBookmark(f"{self._path} is corrupt: remove it, and tracing starts with the open runs") from error
        if content.deployment != self._deployment:
            raise BadBookmark(
                f"{self._path} belongs to deployment {content.deployment}, not {self._deployment}: "
                "use another folder, or remove the file"
            )
        return content.shards

    def save(self, marks: dict[int, Mark]) -> None:
        """Replace what was saved, as a whole. Raises OSError."""
        if self._path is None:
            return
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump({"deployment": self._deployment, "shards": marks}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
