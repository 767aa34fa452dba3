"""The console: static pages beside the API. A browser may use scripts and styles of this origin in them, no others."""

import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from penstock_console import PAGES, is_built
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from .problems import Problem

# Style attributes, which the components set, need 'unsafe-inline'; scripts do not have it, nor eval.
POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Vary": "Accept-Encoding",
    }
)
INDEX: Final = "index.html"
# Vite names these files by their content.
ASSETS: Final = "assets/"
FOR_EVER: Final = "public, max-age=31536000, immutable"
COMPRESSED: Final = ("text/", "image/svg", "application/json")
FILES_MAX: Final = 200
NOT_BUILT: Final = "the console is not built: run `make console` in the checkout, then reload this page; /v1 works"


class _Page(Convertor[str]):
    """A path that is not below /v1."""

    regex = "(?!v1(?:/|$)).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("page", _Page())
router = APIRouter()


@router.get("/{page:page}", include_in_schema=False)
def get_page(request: Request, page: str) -> Response:
    """Answer a file of the console, or its one page, which shows what the path names."""
    if not is_built():
        raise Problem("not-found", NOT_BUILT)
    name = page if _is_file(page) else INDEX
    if name == INDEX and (page.startswith(ASSETS) or ("." in page.rpartition("/")[2] and "/" not in page)):
        raise Problem("not-found", f"the console has no file {page[:200]!r}")
    path = PAGES / name
    plain, packed = _content(path, path.stat().st_mtime_ns)
    headers = {**HEADERS, "Cache-Control": FOR_EVER if name.startswith(ASSETS) else "no-cache"}
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=media_type)
    return Response(plain, headers=headers, media_type=media_type)


def _is_file(page: str) -> bool:
    """Say whether a path is a file of the console, and not one outside of its folder."""
    if "\0" in page:
        return False
    path = (PAGES / page).resolve()
    return path.is_relative_to(PAGES.resolve()) and path.is_file()


@lru_cache(FILES_MAX)
def _content(path: Path, _modified_ns: int) -> tuple[bytes, bytes]:
    """Return a file as it is, and compressed; empty where that gains nothing."""
    data = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or ""
    return data, gzip.compress(data, mtime=0) if kind.startswith(COMPRESSED) else b""
