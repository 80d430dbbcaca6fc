"""The measures of alerts: events of tools, notifications, who is on call. Used by run.py; each on servers of its own,
with SQLite and with a PostgreSQL of its own.

  events   events a second answered after they are durable, and how long an answer takes at half of that
  trigger  from an event to the first notification leaving, with many open alerts and schedules
  storm    50,000 events of a few faults in a minute: alerts, memory, notifications a person
  oncall   who is on call by many schedules
"""

import hashlib
import json
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

MEASURES = ["events", "trigger", "storm", "oncall"]
PEOPLE = 20
# Sources of each kind; a source may send 2,000 events a second for long.
DOORS = {"plain": 4, "fill": 4, "loud": PEOPLE, "flood": 2}
# Of the storm: faults that come again and again, and groups of faults of their own each.
FAULTS, GROUPS = 100, 10
# Notifications that one contact gets within 15 minutes at most; see Limits in src/core/notify.
LIMIT = 20
# What is shown of each measure: (what, figure, goal); a goal of its own for PostgreSQL stands behind.
FIGURES = {
    "events": [("events answered a second, each durable", "per_second", (">=", 3000, 2000)), ("answer, median ms", "p50_ms"),
               ("answer, p99 ms", "p99_ms"), ("not answered", "failed", ("==", 0))],
    "half load": [("events a second", "per_second"), ("answer, median ms", "p50_ms"), ("answer, p99 ms", "p99_ms", ("<", 50)),
                  ("answer, slowest ms", "max_ms"), ("not answered", "failed", ("==", 0))],
    "trigger": [("open alerts", "open"), ("schedules", "schedules"), ("alerts opened", "sent"),
                ("first notification, median ms", "p50_ms"), ("first notification, p99 ms", "p99_ms", ("<", 1000)),
                ("first notification, slowest ms", "max_ms"), ("nobody told", "failed", ("==", 0))],
    "storm": [("events", "ok"), ("seconds", "seconds"), ("answer, p99 ms", "p99_ms"), ("not answered", "failed", ("==", 0)),
              ("alerts that came of them", "alerts", ("==", FAULTS + GROUPS)), ("notifications", "notifications"),
              ("most for one person", "per_person_max", ("<=", LIMIT)), ("memory before, MB", "rss_before"),
              ("memory at most, MB", "peak"), ("memory more, MB", "more", ("<=", 64))],
    "oncall": [("schedules", "schedules", ("==", 1000)), ("who is on call by all, median ms", "p50_ms"),
               ("who is on call by all, p99 ms", "p99_ms", ("<", 20)), ("who is on call by one, p99 ms", "one_p99_ms")],
}


SCHEDULES = 1000
# Half of the goal.
GOAL_HALF = {"sqlite": 1500, "postgres": 1000}


def key_of(door):
    return hashlib.sha256(("bench " + door).encode()).hexdigest()


def paths(kind):
    return [f"/intake/generic/{key_of(f'{kind}-{number}')}" for number in range(DOORS[kind])]


TOKEN = "a token of the bench"
# Who keeps the server's input open keeps it running: gone with us, however we end.
KEEPER = """
cd "$1" || exit 1
"$2/initdb" -D "$1/data" -U hotline -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 || exit 1
"$2/postgres" -D "$1/data" -k "$1" -c listen_addresses= -c max_connections=100 -c shared_buffers=128MB >>"$1/log" 2>&1 </dev/null &
server=$!
read -r _
kill -QUIT "$server"
wait "$server"
cd / && rm -rf "$1"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A server of our own on a Unix socket. Its settings are the usual ones: what it commits is synced."""

    def __init__(self):
        programs = self.programs()
        self.folder = tempfile.mkdtemp(prefix="hotline-bench-pg-")
        os.chmod(self.folder, 0o755)
        command = ["sh", "-c", KEEPER, "keeper", self.folder, programs]
        if os.geteuid() == 0:
            # It refuses to be root.
            user = next(name for name in ("postgres", "nobody") if subprocess.run(["id", name], capture_output=True).returncode == 0)
            shutil.chown(self.folder, user)
            command = ["runuser", "-u", user, "--", *command]
        self.keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                with open(os.path.join(self.folder, "data", "postmaster.pid")) as file:
                    if file.read().split("\n")[7].strip() == "ready":
                        break
            except (OSError, IndexError):
                pass
            time.sleep(0.1)
        else:
            self.stop()
            sys.exit("error: PostgreSQL did not start")
        subprocess.run(
            [os.path.join(programs, "psql"), "-X", "-q", "-U", "hotline", "-d", "postgres", "-h", self.folder, "-c", "CREATE DATABASE bench"],
            check=True, stdout=subprocess.DEVNULL,
        )
        self.url = f"postgres://hotline@localhost/bench?host={self.folder}"

    @staticmethod
    def programs():
        root = "/usr/lib/postgresql"
        folders = [os.path.join(root, version, "bin") for version in (os.listdir(root) if os.path.isdir(root) else [])]
        folders.sort(key=lambda folder: int(os.path.basename(os.path.dirname(folder)).split(".")[0]), reverse=True)
        found = shutil.which("initdb")
        folders += [os.path.dirname(os.path.realpath(found))] if found else []
        for folder in folders:
            if all(os.path.exists(os.path.join(folder, name)) for name in ("initdb", "postgres", "psql")):
                return folder
        sys.exit("error: PostgreSQL's programs are needed: scripts/install-packages.sh test installs them")

    def stop(self):
        self.keeper.stdin.close()
        self.keeper.wait()


def config(receiver, schedules):
    """Twenty people with a webhook each, on call by so many schedules; doors for alerts that wake nobody and for alerts that do."""
    lines = ["[notify]", 'allow_networks = ["127.0.0.0/8"]', 'webhook_secrets = ["a secret of the bench"]']
    for number in range(PEOPLE):
        lines += ["[[users]]", f'id = "person-{number}"', f'name = "Person {number}"', "[[users.contacts]]", 'id = "hook"',
                  'kind = "webhook"', f'address = "http://127.0.0.1:{receiver}/person-{number}"']
    for number in range(schedules):
        members = ", ".join(f'"person-{(number + place) % PEOPLE}"' for place in range(5))
        lines += ["[[schedules]]", f'id = "schedule-{number}"', f"members = [{members}]", 'start = "2026-01-05T09:00"',
                  'time_zone = "Europe/Berlin"']
    # A step that fits no alert of the sources below: they are opened, kept and escalated to nobody.
    lines += ["[[escalation_policies]]", 'id = "quiet"', "[[escalation_policies.steps]]", 'targets = ["schedule:schedule-0"]',
              'priorities = ["P1"]']
    # Each person has a door: whoever is asked to come too often is told of several alerts at once, and later.
    for number in range(PEOPLE):
        lines += ["[[escalation_policies]]", f'id = "loud-{number}"', "[[escalation_policies.steps]]",
                  f'targets = ["schedule:schedule-{number}"]', 'wait = "5m"']
    for kind, count in DOORS.items():
        for number in range(count):
            policy = f"loud-{number}" if kind == "loud" else "loud-0" if kind == "flood" else "quiet"
            lines += ["[[alert_sources]]", f'id = "{kind}-{number}"', f'key = "{key_of(f"{kind}-{number}")}"', f'policy = "{policy}"']
            if kind == "flood":
                lines += ['group_window = "10m"']
    return "\n".join(lines) + "\n"


class Server:
    """A release server of our own on free ports, with an empty data folder."""

    def __init__(self, program, url=None, schedules=10):
        self.data = tempfile.mkdtemp(prefix="hotline-bench-")
        self.log = open(os.path.join(self.data, "log"), "w")
        self.receiver = free_port()
        with open(os.path.join(self.data, "hotline.toml"), "w") as file:
            file.write(config(self.receiver, schedules))
        self.http = f"127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            "HOTLINE_DATA_DIR": os.path.join(self.data, "data"),
            "HOTLINE_SIP_ADDR": f"127.0.0.1:{free_port()}",
            "HOTLINE_HTTP_ADDR": self.http,
            "HOTLINE_ADMIN_TOKEN": TOKEN,
            "HOTLINE_LOG": os.environ.get("HOTLINE_LOG", "warn"),
            "HOTLINE_WHISPER_MODEL": "/nonexistent",
        }
        if url:
            environment["HOTLINE_DATABASE_URL"] = url
        self.process = subprocess.Popen(
            [program, "serve", "--config", os.path.join(self.data, "hotline.toml")],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )
        for _ in range(300):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=2):
                    return
            except urllib.error.HTTPError as answer:
                if answer.code == 503:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.stop()
        sys.exit(f"error: the server did not start\n{self.tail}")

    def get(self, path):
        request = urllib.request.Request(f"http://{self.http}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        end(self.process, 20)
        self.log.close()
        with open(self.log.name, errors="replace") as log:
            self.tail = "".join(log.readlines()[-15:])
        shutil.rmtree(self.data, ignore_errors=True)


def drive(args, server, measure, paths, **more):
    """One run of bench_events; its JSON."""
    command = [args.tools, measure, "--target", server.http, "--token", TOKEN]
    for path in paths:
        command += ["--path", path]
    for name, value in more.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    if done.returncode != 0:
        server.stop()
        sys.exit(f"error: bench_events {measure} ended with {done.returncode}\n{server.tail}")
    result = json.loads(done.stdout)
    result.update({key: value for key, value in (result.pop("latency", None) or {}).items() if key != "count"})
    return result


def events(args, server, _memory_mb):
    full = drive(args, server, "events", paths("plain"), connections=args.connections, seconds=args.seconds)
    yield {"measure": "events", **full}
    # Nothing that the escalation and the audit still have to do belongs to the next run.
    time.sleep(5)
    half = drive(args, server, "events", paths("plain"), connections=args.connections, seconds=args.seconds, rate=args.rate or GOAL_HALF[args.engine])
    yield {"measure": "half load", **half}


def trigger(args, server, _memory_mb):
    drive(args, server, "fill", paths("fill"), count=args.open)
    # Each of them is looked at once by the escalation; that is not what is measured.
    for _ in range(600):
        if settled(server, args.open):
            break
        time.sleep(0.5)
    result = drive(args, server, "trigger", paths("loud"), count=args.triggers, rate=5, receive=f"127.0.0.1:{server.receiver}", linger=15)
    yield {"measure": "trigger", "open": args.open, "schedules": SCHEDULES, "sent": args.triggers, **result}


def settled(server, count):
    """The newest alerts wait for nothing any more."""
    items = server.get("/api/v1/alerts?limit=200")["items"]
    if not items or len(items) < min(200, count):
        return False
    for item in (items[0], items[-1]):
        detail = server.get(f"/api/v1/alerts/{item['id']}")
        if not any(line["kind"] == "escalation-exhausted" for line in detail.get("timeline", [])):
            return False
    return True


def storm(args, server, memory_mb):
    before = memory_mb(server.process.pid)[0]
    result = drive(args, server, "storm", paths("flood"), count=args.storm, rate=args.storm / 60, keys=FAULTS, groups=GROUPS, receive=f"127.0.0.1:{server.receiver}", linger=20)
    peak = memory_mb(server.process.pid)[1]
    alerts, cursor = 0, ""
    while cursor is not None:
        page = server.get(f"/api/v1/alerts?limit=200{cursor and '&cursor=' + cursor}")
        alerts, cursor = alerts + len(page["items"]), page["next_cursor"]
    yield {"measure": "storm", "alerts": alerts, "rss_before": before, "peak": peak, "more": round(peak - before, 1), **result}


def oncall(args, server, _memory_mb):
    pages, count, cursor = [], 0, ""
    while cursor is not None:
        path = f"/api/v1/on-call?limit=200{cursor and '&cursor=' + cursor}"
        pages.append(path)
        page = server.get(path)
        count, cursor = count + len(page["items"]), page.get("next_cursor")
    one = drive(args, server, "get", [f"/api/v1/on-call?schedule=schedule-{SCHEDULES // 2}"], connections=1, seconds=3)
    result = drive(args, server, "get", pages, connections=1, seconds=5)
    yield {"measure": "oncall", "schedules": count, "one_p99_ms": one["p99_ms"], **result}


def goal_of(result, figure):
    """(comparison, wanted, met), or None: it has none."""
    if len(figure) < 3:
        return None
    compare, *wanted = figure[2]
    wanted = wanted[-1] if result["engine"] == "postgres" else wanted[0]
    value = result.get(figure[1])
    met = value is not None and {">=": lambda: value >= wanted, "<=": lambda: value <= wanted, "<": lambda: value < wanted, "==": lambda: value == wanted}[compare]()
    return compare, wanted, met


def table(results):
    """Each figure beside its goal; whether all goals were met."""
    rows, fine = [("measure", "engine", "figure", "value", "goal", "")], True
    for result in results:
        for place, figure in enumerate(FIGURES[result["measure"]]):
            value, goal = result.get(figure[1]), goal_of(result, figure)
            fine = fine and (goal is None or goal[2])
            rows.append((
                result["measure"] if place == 0 else "", result["engine"] if place == 0 else "", figure[0],
                "-" if value is None else f"{value:,}", f"{goal[0]} {goal[1]:,}" if goal else "",
                "" if goal is None else "met" if goal[2] else "MISSED",
            ))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        if row[0] and number:
            print()
        print("  ".join(text.rjust(width) if i in (3, 4) else text.ljust(width) for i, (text, width) in enumerate(zip(row, widths))).rstrip())
    return fine


def run(measures, args, memory_mb):
    """All of them on both engines; the results."""
    results = []
    for engine in args.engines:
        for what in measures:
            if what == "oncall" and engine != "sqlite":
                continue  # No database in it.
            print(f"{what} on {engine} …", file=sys.stderr, flush=True)
            postgres = Postgres() if engine == "postgres" else None
            server = None
            try:
                args.engine = engine
                schedules = SCHEDULES if what in ("trigger", "oncall") else PEOPLE
                server = Server(args.hotline, postgres and postgres.url, schedules)
                load = os.getloadavg()[0]
                for result in {"events": events, "trigger": trigger, "storm": storm, "oncall": oncall}[what](args, server, memory_mb):
                    results.append({"engine": engine, "load_before": round(load, 2), **result})
            finally:
                if server:
                    server.stop()
                if postgres:
                    postgres.stop()
    return results
