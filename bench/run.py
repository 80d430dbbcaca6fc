#!/usr/bin/env python3
"""Measures hotline, or any SIP server, under load: CPU time and memory of its process, and what the phones see.

  bench/run.py                         all measures on a server of its own (make bench)
  bench/run.py play talk -n 200        these, with 200 calls at once
  bench/run.py play --target 127.0.0.1:5080 --pid 4711 --number play=hotline     another server

  setup   answer, hang up; calls one after the other at --rate
  play    a prompt of 30 s is played; the server hangs up
  talk    the caller speaks for --hold seconds and is recorded
  dtmf    1598*473620# is typed; the server hangs up when it has understood it
  bridge  the caller speaks with a phone behind the server, media through the server

  events, trigger, storm, oncall: alerts instead of calls, on SQLite and PostgreSQL; see events.py
  pages: visitors of a status page while it is updated, beside a static file server; see pages.py

Needs only Python's own library and the programs that `make bench` builds. Loopback only."""

import argparse
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import events
import pages

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEASURES = ["setup", "play", "talk", "dtmf", "bridge"]
TICKS = os.sysconf("SC_CLK_TCK")
# bench/hotline.toml sends bench-bridge there.
CALLEE = "127.0.0.1:5170"


def family(pid):
    """The process and all its descendants (the transcription worker counts too)."""
    pids, todo = [], [pid]
    while todo:
        pid = todo.pop()
        pids.append(pid)
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/children") as children:
                    todo += [int(child) for child in children.read().split()]
        except OSError:
            pass
    return pids


def cpu_seconds(pid):
    """User and system time of the process and its children so far."""
    total = 0
    for one in family(pid):
        try:
            with open(f"/proc/{one}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # Own time; and that of children which have ended, which are in no other process's count.
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def memory_mb(pid):
    """Resident memory: now, and its highest."""
    now = peak = 0
    for one in family(pid):
        try:
            with open(f"/proc/{one}/status") as status:
                for line in status:
                    if line.startswith("VmRSS:"):
                        now += int(line.split()[1])
                    elif line.startswith("VmHWM:"):
                        peak += int(line.split()[1])
        except OSError:
            pass
    return round(now / 1024, 1), round(peak / 1024, 1)


def machine_busy():
    """CPU seconds that all processes of the machine used so far, by the kernel's own count."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _wait, irq, soft, steal = [int(x) for x in stat.readline().split()[1:9]]
    return (user + nice + system + irq + soft + steal) / TICKS


def free_port():
    """A port that is free for TCP and, very likely, UDP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A release server of our own, on free ports, with an empty data folder."""

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
            # figures are those of the calls.
            "HOTLINE_WHISPER_MODEL": "/nonexistent",
        }
        # A session of its own: on a busy machine the kernel shares time between sessions.
        self.process = subprocess.Popen(
            [program, "serve", "--config", os.path.join("bench", "hotline.toml")],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )
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
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        with open(self.log.name, errors="replace") as log:
            self.tail = "".join(log.readlines()[-15:])
        shutil.rmtree(self.data, ignore_errors=True)


def measure(what, args, target, pid):
    """One measure; what bench_peer says, with the server's CPU time and memory."""
    calls = args.calls or {"setup": 2000, "bridge": 50}.get(what, 100)
    rate = args.rate or (100 if what == "setup" else max(5.0, calls / 6))
    if what == "setup" and calls > 15000 or what != "setup" and calls > 2000:
        sys.exit("error: too many calls for one peer")
    command = [
        args.peer, what, "--target", target, "--number", args.numbers.get(what, f"bench-{what}"), "--calls", str(calls),
        "--rate", str(rate), "--hold", str(args.hold), "--callee", CALLEE,
        "--limit", str(calls / rate + max(args.hold, 30) + 45),
    ]
    cpu_before, busy_before, began = cpu_seconds(pid), machine_busy(), time.monotonic()
    peer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    lines, window = [], {}

    def take(line):
        lines.append(line)
        if line.startswith("up "):
            window.update(up=int(line.split()[1]), cpu=cpu_seconds(pid), at=time.monotonic(), memory=memory_mb(pid))
        elif line.startswith("down") and "cpu" in window:
            window.update(cpu_end=cpu_seconds(pid), at_end=time.monotonic())

    reader = threading.Thread(target=lambda: [take(line) for line in peer.stdout])
    reader.start()
    code = peer.wait()
    reader.join()
    if code != 0 or not lines:
        sys.exit(f"error: bench_peer ended with {code}")
    result = json.loads(lines[-1])
    took = time.monotonic() - began
    cpu = cpu_seconds(pid) - cpu_before
    result.update(measure=what, calls=calls, seconds=round(took, 1), cpu_s=round(cpu, 2))
    result["cpu_ms_per_call"] = round(1000 * cpu / calls, 3)
    result["rss_mb"], result["peak_mb"] = window.get("memory") if what != "setup" and "memory" in window else memory_mb(pid)
    result["others_cores"] = round((machine_busy() - busy_before - cpu) / took, 2)
    # The steady part, with all calls up; too short a one says nothing.
    steady = window.get("at_end", 0) - window.get("at", 0)
    if what in ("play", "talk", "bridge") and window.get("up") and steady >= 2:
        used = window["cpu_end"] - window["cpu"]
        result["cpu_s_per_call_min"] = round(used / steady / window["up"] * 60, 4)
        result["cores"] = round(used / steady, 3)
        result["window_s"] = round(steady, 1)
    return result


COLUMNS = [
    ("measure", "measure", "{}"), ("calls", "calls", "{}"), ("ok", "ok", "{}"), ("failed", "failed", "{}"),
    ("CPU s/call-min", "cpu_s_per_call_min", "{:.4f}"), ("CPU ms/call", "cpu_ms_per_call", "{:.2f}"),
    ("cores", "cores", "{:.2f}"), ("set-up p99 ms", ("set_up", "p99_ms"), "{:.1f}"), ("pps min", "pps_min", "{:.2f}"),
    ("lost", "lost", "{}"), ("dev p50 ms", ("deviation", "p50_ms"), "{:.2f}"), ("dev p99 ms", ("deviation", "p99_ms"), "{:.2f}"),
    ("through p99 ms", ("latency", "p99_ms"), "{:.2f}"), ("RSS MB", "rss_mb", "{}"), ("others' cores", "others_cores", "{:.2f}"),
]


def cell(result, key, form):
    if isinstance(key, tuple):
        inner = result.get(key[0]) or {}
        value = inner.get(key[1]) if inner.get("count") else None
    else:
        value = result.get(key)
    return "-" if value is None else form.format(value)


def table(results):
    rows = [[name for name, _, _ in COLUMNS]] + [[cell(r, key, form) for _, key, form in COLUMNS] for r in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for number, row in enumerate(rows):
        print("  ".join(text.rjust(width) for text, width in zip(row, widths)))
        if number == 0:
            print("  ".join("-" * width for width in widths))


def is_right(result):
    """Whether the server did what it should; lateness is for people to judge."""
    fine = result["failed"] == 0 and result["ok"] == result["calls"]
    if result["measure"] == "dtmf":
        fine = fine and result["understood"] == result["calls"]
    if result["measure"] == "play":
        fine = fine and result["lost"] == 0 and result["received"] >= 1490 * result["calls"]
    if result["measure"] == "bridge":
        fine = fine and result["callee_ok"] == result["calls"]
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", help=" ".join(MEASURES + events.MEASURES + pages.MEASURES))
    parser.add_argument("-n", "--calls", type=int, help="calls at once; for setup in all (default: 100; setup 2000, bridge 50)")
    parser.add_argument("-r", "--rate", type=float, help="new calls a second (default: a sixth of the calls; setup 100); events a second at half load (half of the goal)")
    parser.add_argument("--hold", type=float, default=20, help="seconds of a talk or bridge call")
    parser.add_argument("--target", help="another server, HOST:PORT; its process is --pid")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--number", action="append", default=[], metavar="MEASURE=NUMBER", help="the number to call there")
    parser.add_argument("--hotline", default=os.path.join(ROOT, "target", "release", "hotline"))
    parser.add_argument("--peer", default=os.path.join(ROOT, "target", "release", "examples", "bench_peer"))
    parser.add_argument("--tools", default=os.path.join(ROOT, "target", "release", "examples", "bench_events"))
    parser.add_argument("--pages", default=os.path.join(ROOT, "target", "release", "examples", "bench_pages"))
    parser.add_argument("--engines", nargs="+", default=["sqlite", "postgres"], choices=["sqlite", "postgres"], help="of the alerts' measures")
    parser.add_argument("--connections", type=int, default=128, help="of the tools that send events")
    parser.add_argument("--seconds", type=float, default=15, help="of each run of events")
    parser.add_argument("--open", type=int, default=100_000, help="open alerts while trigger is measured")
    parser.add_argument("--triggers", type=int, default=200, help="alerts that are timed")
    parser.add_argument("--storm", type=int, default=50_000, help="events of the storm's minute")
    parser.add_argument("--json", metavar="FILE", help="add each result to this file, one JSON object a line")
    args = parser.parse_args()
    for what in args.measures:
        if what not in MEASURES + events.MEASURES + pages.MEASURES:
            parser.error(f"there is no measure {what}; there are {' '.join(MEASURES + events.MEASURES + pages.MEASURES)}")
    if (args.target is None) != (args.pid is None):
        parser.error("--target and --pid go together")
    args.numbers = dict(number.split("=", 1) for number in args.number)
    args.hotline, args.peer = os.path.abspath(args.hotline), os.path.abspath(args.peer)
    # A socket for each phone.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    args.tools, args.pages = os.path.abspath(args.tools), os.path.abspath(args.pages)
    of_pages = not args.measures or "pages" in args.measures
    of_alerts = [what for what in args.measures or events.MEASURES if what in events.MEASURES]
    of_calls = [what for what in args.measures or MEASURES if what in MEASURES]
    if of_calls:
        measure_calls(of_calls, args)
    if of_pages and args.target is None:
        results = pages.run(args)
        keep(results, args)
        if not pages.table(results):
            print("note: a goal of the pages was missed; other processes on the machine count too")
    if of_alerts and args.target is None:
        results = events.run(of_alerts, args, memory_mb)
        keep(results, args)
        if not events.table(results):
            print("note: a goal was missed; other processes on the machine count too")
        if any(result.get("failed") for result in results):
            sys.exit("error: not everything was answered, or somebody was not told")


def keep(results, args):
    if args.json:
        with open(args.json, "a") as out:
            out.writelines(json.dumps(result) + "\n" for result in results)


def measure_calls(measures, args):
    server = None
    results = []
    try:
        if args.target is None:
            server = Server(args.hotline)
        for what in measures:
            print(f"{what} …", file=sys.stderr, flush=True)
            target, pid = (server.target, server.process.pid) if server else (args.target, args.pid)
            result = measure(what, args, target, pid)
            results.append(result)
            keep([result], args)
    finally:
        if server:
            server.stop()
    table(results)
    if any(result["others_cores"] > 0.5 for result in results):
        print("note: other processes were busy (the peer counts among them); lateness and rates say less, CPU seconds still hold")
    wrong = [result["measure"] for result in results if not is_right(result)]
    if wrong:
        sys.exit(f"error: not all calls went right: {', '.join(wrong)}")


main()
