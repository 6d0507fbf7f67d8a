"""A Trellis server as a process of its own, and the binary it is made from."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
READY = re.compile(r"listening on (\S+):(\d+)")


def build() -> Path:
    """The program: TRELLIS_BIN or TRELLIS where that is set and exists, else built now."""
    for name in ("TRELLIS_BIN", "TRELLIS"):
        if path := os.environ.get(name):
            if Path(path).is_file():
                return Path(path)
    binary = ROOT / "build" / "trellis"
    subprocess.run(["go", "build", "-o", str(binary), "./cmd/trellis"], cwd=ROOT, check=True)
    return binary


def _die_with_parent():
    """Runs in the child: the kernel ends it when the tests are killed (Linux)."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Refused(Exception):
    """The server ended instead of listening; the text is what it said."""

    def __init__(self, code: int, output: str):
        super().__init__(f"exit code {code}: {output}")
        self.code, self.output = code, output


class Server:
    """`trellis serve` on a directory, on a free port."""

    def __init__(self, binary: Path, data: Path, *flags: str, env: dict | None = None):
        self.binary, self.data, self.flags = binary, data, flags
        self.env = {**os.environ, **(env or {})}
        self.log = Path(f"{data}.log")
        self.process = None
        self.port = 0

    def start(self, seconds: float = 60) -> "Server":
        """Starts the process and waits until it listens."""
        assert self.process is None or self.process.poll() is not None, "the server runs already"
        command = [str(self.binary), "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", *self.flags]
        begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, preexec_fn=_die_with_parent
            )
        deadline = time.monotonic() + seconds
        while True:
            text = self.said(begin)
            if found := READY.search(text):
                self.port = int(found[2])
                return self
            if (code := self.process.poll()) is not None:
                raise Refused(code, self.said(begin))
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server did not listen within {seconds} s: {text}")
            time.sleep(0.01)

    def said(self, begin: int = 0) -> str:
        """What the process wrote, from a byte on."""
        with open(self.log, "rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    @property
    def uri(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds: float = 60) -> None:
        """Asks the process to stop (SIGTERM) and checks that it ends well."""
        if not self.alive:
            raise AssertionError(f"the server died with code {self.process.poll()}: {self.said()[-4000:]}")
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {seconds} s: {self.said()[-4000:]}") from None
        assert code == 0, f"the server ended with code {code}: {self.said()[-4000:]}"

    def kill(self) -> None:
        """Ends the process at once (SIGKILL), as a crash would."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
