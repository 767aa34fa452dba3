"""The exit of a process as text for people."""

import signal

SIGNALS_MEANT: dict[int, str] = {
    signal.SIGKILL: "out of memory?",
    signal.SIGSEGV: "a crash in native code; see its output",
    signal.SIGABRT: "native code aborted; see its output",
    signal.SIGBUS: "a mapped file was truncated, or a disk is full",
    signal.SIGILL: "native code for another processor",
}


def spelt(code: int) -> str:
    """Spell what `Popen.returncode` says."""
    if code >= 0:
        return f"the operator's process exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    meant = SIGNALS_MEANT.get(-code)
    return f"the operator's process was killed by {name}" + (f" ({meant})" if meant else "")
