"""A release server of our own for the measures of calls."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from process import end

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def free_port():
    """A port that is free for TCP and, very likely, UDP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """On free ports, with an empty data folder."""

    name = "hotline"

    def __init__(self, program):
        if not os.path.exists(os.path.join(ROOT, "bench", "prompt30.wav")):
            subprocess.run([sys.executable, os.path.join(ROOT, "bench", "prompt30.py")], check=True)
        self.data = tempfile.mkdtemp(prefix="hotline-bench-")
        self.log = open(os.path.join(self.data, "log"), "w")
        self.target = f"127.0.0.1:{free_port()}"
        http = f"127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            "HOTLINE_DATA_DIR": os.path.join(self.data, "data"),
            "HOTLINE_SIP_ADDR": self.target,
            "HOTLINE_HTTP_ADDR": http,
            "HOTLINE_LOG": os.environ.get("HOTLINE_LOG", "warn"),
            # Transcripts are made at idle priority, minutes later, by a process of their own: without them the
            # figures are those of the calls. What they do to packets is a measure of its own (whisper).
            "HOTLINE_WHISPER_MODEL": "/nonexistent",
        }
        # A session of its own: on a busy machine the kernel shares time between sessions.
        self.process = subprocess.Popen(
            [program, "serve", "--config", os.path.join("bench", "hotline.toml")],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )
        self.pid = self.process.pid
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://{http}/readyz", timeout=2):
                    return
            except urllib.error.HTTPError as answer:
                # It answers; what it says against itself is in the log.
                print(f"note: /readyz says {answer.code}", file=sys.stderr)
                return
            except OSError:
                time.sleep(0.1)
        self.stop()
        sys.exit(f"error: the server did not start: {program} serve --config bench/hotline.toml\n{self.tail}")

    def stop(self):
        end(self.process, 15)
        self.log.close()
        with open(self.log.name, errors="replace") as log:
            self.tail = "".join(log.readlines()[-15:])
        shutil.rmtree(self.data, ignore_errors=True)


class Other:
    """Another server that runs already; its process is known."""

    def __init__(self, target, pid):
        self.target, self.pid = target, pid
        try:
            with open(f"/proc/{pid}/comm") as comm:
                self.name = comm.read().strip()
        except OSError:
            sys.exit(f"error: there is no process {pid}")

    def stop(self):
        """Not ours to stop."""
