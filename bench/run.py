#!/usr/bin/env python3
"""Measures hotline, or any SIP server, under load: CPU time and memory of its process, and what the phones see.

  bench/run.py                         all usual measures on a server of its own (make bench)
  bench/run.py play talk -n 200        these, with 200 calls at once
  bench/run.py play bridge --sweep 50 100 200 400        over the number of calls, with graphs (SVG)
  bench/run.py play --target 127.0.0.1:5080 --pid 4711 --number play=hotline
                                       another server, and ours in the same run, with the ratio; --alone: only the other

  setup   answer, hang up; calls one after the other at --rate
  play    a prompt of 30 s is played; the server hangs up
  talk    the caller speaks for --hold seconds, is recorded and listened to
  dtmf    1598*473620# is typed; the server hangs up when it has understood it
  bridge  the caller speaks with a phone behind the server, media through the server, both talk all the time
  cross   the same, the caller with mu-law, the other with A-law
  opus    the same, the caller with mu-law, the other with Opus (no stamps: its latency is not measured)

  memory  what 1,000 calls at once add to resident memory: prompts, recordings, bridges
  growth  resident memory over 20,000 calls made and ended
  whisper prompts with nothing beside them, and with a transcription worker on every core

  events, trigger, storm, oncall: alerts instead of calls, on SQLite and PostgreSQL; see events.py
  pages: visitors of a status page while it is updated, beside a static file server; see pages.py

Needs only Python's own library and the programs that `make bench` builds. Loopback only."""

import argparse
import json
import os
import resource
import sys
import tempfile

import calls
import events
import pages
import svg
import table
from process import memory_mb
from server import ROOT


def main():
    known = calls.MEASURES + events.MEASURES + pages.MEASURES
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", help=" ".join(known))
    parser.add_argument("-n", "--calls", type=int, help="calls at once; for setup in all (default: 100; setup 2000, bridges 50)")
    parser.add_argument("--sweep", nargs="+", type=int, metavar="CALLS", help="each measure with each of these numbers of calls, and graphs")
    parser.add_argument("--graphs", metavar="FOLDER", help="where the graphs go (default: a new folder, named at the end)")
    parser.add_argument("-r", "--rate", type=float, help="new calls a second (default: a sixth of the calls; setup 100); events a second at half load (half of the goal)")
    parser.add_argument("--hold", type=float, default=20, help="seconds for which all calls of talk or bridge are up")
    parser.add_argument("--target", help="another server, HOST:PORT; its process is --pid")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--alone", action="store_true", help="only the other server, not ours beside it")
    parser.add_argument("--number", action="append", default=[], metavar="MEASURE=NUMBER", help="the number to call there (and here)")
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
        if what not in known:
            parser.error(f"there is no measure {what}; there are {' '.join(known)}")
    if (args.target is None) != (args.pid is None):
        parser.error("--target and --pid go together")
    args.numbers = dict(number.split("=", 1) for number in args.number)
    for program in ("hotline", "peer", "tools", "pages"):
        setattr(args, program, os.path.abspath(getattr(args, program)))
    # A socket for each phone.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    of_pages = not args.measures or "pages" in args.measures
    of_alerts = [what for what in args.measures or events.MEASURES if what in events.MEASURES]
    of_calls = [what for what in args.measures or calls.USUAL if what in calls.MEASURES]
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
    results = calls.run(measures, args, keep)
    table.show(results)
    if args.sweep:
        for path in svg.draw(results, args.graphs or tempfile.mkdtemp(prefix="hotline-bench-graphs-")):
            print(f"graph: {path}")
    wrong = sorted({f"{result['measure']} of {result['server']}" for result in results if not calls.is_right(result)})
    if wrong:
        sys.exit(f"error: not all calls went right: {', '.join(wrong)}")


main()
