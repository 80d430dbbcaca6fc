"""The measures of calls: what bench_peer's phones see, and what the server's process costs meanwhile. Used by run.py."""

import json
import os
import subprocess
import sys
import threading
import time

import whisper
from process import cpu_seconds, machine_busy, memory_mb, threads_cpu
from server import ROOT, Other, Server

MEASURES = ["setup", "play", "talk", "dtmf", "bridge", "cross", "opus", "memory", "growth", "whisper"]
# What is measured without being asked: the rest takes minutes.
USUAL = ["setup", "play", "talk", "dtmf", "bridge", "cross", "opus"]
# bench/hotline.toml sends bench-bridge there.
CALLEE = "127.0.0.1:5170"
# What bench_peer does for a measure, which number it rings, how many calls, more arguments.
HOW = {
    "setup": ("setup", "bench-setup", 2000, []),
    "play": ("play", "bench-play", 100, []),
    "talk": ("talk", "bench-talk", 100, []),
    "dtmf": ("dtmf", "bench-dtmf", 100, []),
    "bridge": ("bridge", "bench-bridge", 50, []),
    "cross": ("bridge", "bench-bridge", 50, ["--callee-law", "pcma"]),
    "opus": ("bridge", "bench-bridge", 50, ["--callee-law", "opus"]),
}
# Only these have a steady part with all calls up.
STEADY = ("play", "talk", "bridge", "cross", "opus")
# Of the memory measure: calls at once, and what they do.
MEMORY_CALLS, MEMORY_OF = 1000, ["play", "talk", "bridge"]
# Of the growth measure: rounds of calls made and ended, and how long the last ones are still remembered (RFC 3261).
ROUNDS, ROUND_CALLS, FORGET_S = 10, 2000, 40
# A generator later than this (p99) makes what it measures late too, ms.
SLIP_MS = 2.0


def measure(what, args, server, calls=None, hold=None, rate=None):
    """One measure; what bench_peer says, with the server's CPU time and memory."""
    does, number, usual, more = HOW[what]
    calls = calls or args.calls or usual
    hold = hold or args.hold
    rate = rate or args.rate or (100 if what == "setup" else max(5.0, calls / 6))
    if what == "setup" and calls > 15000 or what != "setup" and calls > 2000:
        sys.exit("error: too many calls for one peer")
    number = args.numbers.get(what, args.numbers.get(does, number))
    command = [
        args.peer, does, "--target", server.target, "--number", number, "--calls", str(calls),
        "--rate", str(rate), "--hold", str(hold + calls / rate), "--callee", CALLEE, "--speech", os.path.join(ROOT, "audio", "en"),
        "--limit", str(2 * calls / rate + max(hold, 30) + 45), *more,
    ]
    cpu_before, busy_before, began = cpu_seconds(server.pid), machine_busy(), time.monotonic()
    peer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    lines, window = [], {}

    def take(line):
        lines.append(line)
        moment = (cpu_seconds(server.pid), machine_busy(), time.monotonic(), threads_cpu(server.pid))
        if line.startswith("up "):
            window.update(up=int(line.split()[1]), begin=moment, memory=memory_mb(server.pid), peer=cpu_seconds(peer.pid))
        elif line.startswith("down") and "begin" in window:
            window.update(end=moment, peer=cpu_seconds(peer.pid) - window["peer"], memory=memory_mb(server.pid))

    reader = threading.Thread(target=lambda: [take(line) for line in peer.stdout])
    reader.start()
    code = peer.wait()
    reader.join()
    if code != 0 or not lines:
        sys.exit(f"error: bench_peer ended with {code}")
    result = json.loads(lines[-1])
    took = time.monotonic() - began
    cpu = cpu_seconds(server.pid) - cpu_before
    result.update(server=server.name, measure=what, calls=calls, seconds=round(took, 1), cpu_s=round(cpu, 2))
    result["cpu_ms_per_call"] = round(1000 * cpu / calls, 3)
    result["rss_mb"], result["peak_mb"] = window.get("memory") if what != "setup" and "memory" in window else memory_mb(server.pid)
    result["others_cores"] = round((machine_busy() - busy_before - cpu) / took, 2)
    if what in STEADY and window.get("up") and "end" in window:
        steady_part(result, window)
    slip = result["own_lateness"]
    result["slipping"] = bool(slip["count"]) and slip["p99_ms"] > SLIP_MS
    return result


def steady_part(result, window):
    """The figures of the time in which all calls were up; too short a one says nothing."""
    (cpu, busy, at, threads), (cpu_end, busy_end, at_end, threads_end) = window["begin"], window["end"]
    steady = at_end - at
    if steady < 2:
        return
    used = cpu_end - cpu
    per_minute = used / steady / window["up"] * 60
    result.update(
        cpu_s_per_call_min=round(per_minute, 4), calls_per_core=round(60 / per_minute) if per_minute > 0 else None,
        cores=round(used / steady, 3), window_s=round(steady, 1), peer_cores=round(window["peer"] / steady, 3),
        others_cores=round((busy_end - busy - used - window["peer"]) / steady, 2),
        busy_cores=round((busy_end - busy) / steady, 2),
        threads={name: round((threads_end[name] - threads.get(name, 0)) / steady / window["up"] * 60, 4) for name in sorted(threads_end)},
    )


def memory(args, server):
    """Resident memory of a call: what 1,000 of them add to a server that has had as many before."""
    for what in MEMORY_OF:
        calls = args.calls or MEMORY_CALLS
        measure(what, args, server, calls=max(1, calls // 10), hold=5)
        time.sleep(2)
        before = memory_mb(server.pid)[0]
        result = measure(what, args, server, calls=calls, hold=10, rate=100)
        result.update(measure=f"memory {what}", rss_before_mb=before, kb_per_call=round((result["rss_mb"] - before) * 1024 / calls, 1))
        yield result


def growth(args, server):
    """Resident memory over rounds of calls made and ended."""
    levels = []
    for number in range(ROUNDS):
        result = measure("setup", args, server, calls=args.calls or ROUND_CALLS, rate=args.rate or 200)
        levels.append(memory_mb(server.pid)[0])
        print(f"growth: {(number + 1) * result['calls']} calls, {levels[-1]} MB", file=sys.stderr)
    time.sleep(FORGET_S)
    result.update(measure="growth", calls=ROUNDS * result["calls"], ok=ROUNDS * result["ok"], rss_rounds_mb=levels, rss_end_mb=memory_mb(server.pid)[0])
    yield result


def beside_whisper(args, server):
    """Prompts with nothing beside them, then with whisper at work on all cores."""
    yield {**measure("play", args, server), "measure": "play, quiet"}
    with whisper.Work(args.hotline):
        yield {**measure("play", args, server), "measure": "play, whisper"}


def run(measures, args, keep):
    """All measures, on our server and on the other one if there is one; their results, ours first."""
    servers, results = [], []
    try:
        if args.target is not None:
            servers.append(Other(args.target, args.pid))
        if args.target is None or not args.alone:
            servers.insert(0, Server(args.hotline))
        for what in measures:
            for server in servers:
                for count in args.sweep or [None]:
                    print(f"{what} of {server.name}{f', {count} calls' if count else ''} …", file=sys.stderr, flush=True)
                    several = {"memory": memory, "growth": growth, "whisper": beside_whisper}.get(what)
                    for result in several(args, server) if several else [measure(what, args, server, calls=count)]:
                        results.append(result)
                        keep([result], args)
    finally:
        for server in servers:
            server.stop()
    return results


def is_right(result):
    """Whether the server did what it should; lateness is for people to judge."""
    fine = result["failed"] == 0 and result["ok"] == result["calls"]
    what = result["measure"].split()[-1]
    if what == "dtmf":
        fine = fine and result["understood"] == result["calls"]
    if what == "play":
        fine = fine and result["lost"] == 0 and result["received"] >= 1490 * result["calls"]
    if what in ("bridge", "cross", "opus"):
        fine = fine and result["callee_ok"] == result["calls"] and result["lost"] == 0
    return fine
