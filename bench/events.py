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
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

MEASURES = ["events", "trigger", "storm", "oncall"]
# What they should reach: (figure, better, goal).
GOALS = {
    ("events", "sqlite"): ("per_second", ">=", 3000),
    ("events", "postgres"): ("per_second", ">=", 2000),
    ("half load", "sqlite"): ("p99_ms", "<", 50),
    ("half load", "postgres"): ("p99_ms", "<", 50),
    ("trigger", "sqlite"): ("p99_ms", "<", 1000),
    ("trigger", "postgres"): ("p99_ms", "<", 1000),
    ("oncall", "sqlite"): ("p99_ms", "<", 20),
}
KEYS = {name: hashlib.sha256(("bench " + name).encode()).hexdigest() for name in ("plain", "fill", "loud", "storm")}
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
    """Twenty people with a webhook each, on call by so many schedules; four doors: alerts that wake nobody and alerts that do."""
    lines = ["[notify]", 'allow_networks = ["127.0.0.0/8"]', 'webhook_secrets = ["a secret of the bench"]']
    for number in range(20):
        lines += ["[[users]]", f'id = "person-{number}"', f'name = "Person {number}"', "[[users.contacts]]", 'id = "hook"',
                  'kind = "webhook"', f'address = "http://127.0.0.1:{receiver}/person-{number}"']
    for number in range(schedules):
        members = ", ".join(f'"person-{(number + place) % 20}"' for place in range(5))
        lines += ["[[schedules]]", f'id = "schedule-{number}"', f"members = [{members}]", 'start = "2026-01-05T09:00"',
                  'time_zone = "Europe/Berlin"']
    # A step that fits no alert of the sources below: they are opened, kept and escalated to nobody.
    lines += ["[[escalation_policies]]", 'id = "quiet"', "[[escalation_policies.steps]]", 'targets = ["schedule:schedule-0"]',
              'priorities = ["P1"]']
    lines += ["[[escalation_policies]]", 'id = "loud"', "[[escalation_policies.steps]]", 'targets = ["schedule:schedule-0"]',
              'wait = "5m"', "[[escalation_policies.steps]]", 'targets = ["schedule:schedule-1"]', 'wait = "5m"']
    for name, policy in (("plain", "quiet"), ("fill", "quiet"), ("loud", "loud"), ("storm", "loud")):
        lines += ["[[alert_sources]]", f'id = "{name}"', f'key = "{KEYS[name]}"', f'policy = "{policy}"']
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
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        with open(self.log.name, errors="replace") as log:
            self.tail = "".join(log.readlines()[-15:])
        shutil.rmtree(self.data, ignore_errors=True)


def drive(args, server, measure, source, **more):
    """One run of bench_events; its JSON."""
    path = more.pop("path", None) or f"/intake/generic/{KEYS[source]}"
    command = [args.tools, measure, "--target", server.http, "--path", path, "--token", TOKEN]
    for name, value in more.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    if done.returncode != 0:
        server.stop()
        sys.exit(f"error: bench_events {measure} ended with {done.returncode}\n{server.tail}")
    return json.loads(done.stdout)


def events(args, server, engine):
    full = drive(args, server, "events", "plain", connections=args.connections, seconds=args.seconds)
    half = drive(args, server, "events", "plain", connections=args.connections, seconds=args.seconds, rate=max(1, full["per_second"] / 2))
    yield {"measure": "events", "engine": engine, **full}
    yield {"measure": "half load", "engine": engine, **half}


def trigger(args, server, engine):
    drive(args, server, "fill", "fill", count=args.open)
    # Each of them is looked at once by the escalation; that is not what is measured.
    for _ in range(600):
        if not server.get("/api/v1/alerts?source=fill&status=triggered&limit=1")["items"]:
            break
        time.sleep(0.5)
        if settled(server):
            break
    result = drive(args, server, "trigger", "loud", count=args.triggers, rate=5, receive=f"127.0.0.1:{server.receiver}", linger=15)
    yield {"measure": "trigger", "engine": engine, "open": args.open, **result}


def settled(server):
    """The oldest and the newest alert wait for nothing any more."""
    item = server.get("/api/v1/alerts?source=fill&limit=1")["items"]
    detail = server.get(f"/api/v1/alerts/{item[0]['id']}") if item else {}
    return any(line["kind"] == "escalation-exhausted" for line in detail.get("timeline", []))


def storm(args, server, engine, memory_mb):
    before = memory_mb(server.process.pid)[0]
    result = drive(args, server, "storm", "storm", count=args.storm, rate=args.storm / 60, keys=100, receive=f"127.0.0.1:{server.receiver}", linger=20)
    alerts, cursor = 0, ""
    while cursor is not None:
        page = server.get(f"/api/v1/alerts?source=storm&limit=200{cursor and '&cursor=' + cursor}")
        alerts, cursor = alerts + len(page["items"]), page["next_cursor"]
    after = memory_mb(server.process.pid)[0]
    yield {"measure": "storm", "engine": engine, "alerts": alerts, "rss_before": before, "rss_after": after, **result}


def oncall(args, server, engine):
    result = drive(args, server, "get", "plain", path="/api/v1/on-call?limit=200", connections=1, seconds=5)
    pages, cursor = 0, ""
    while cursor is not None:
        page = server.get(f"/api/v1/on-call?limit=200{cursor and '&cursor=' + cursor}")
        pages, cursor = pages + len(page["items"]), page.get("next_cursor")
    yield {"measure": "oncall", "engine": engine, "schedules": pages, **result}


COLUMNS = [
    ("measure", "measure"), ("engine", "engine"), ("ok", "ok"), ("failed", "failed"), ("a second", "per_second"),
    ("p50 ms", "p50_ms"), ("p99 ms", "p99_ms"), ("max ms", "max_ms"), ("open", "open"), ("alerts", "alerts"),
    ("notified", "notifications"), ("most a person", "per_person_max"), ("RSS before", "rss_before"), ("RSS after", "rss_after"),
    ("goal", "goal"),
]


def table(results):
    rows = [[name for name, _ in COLUMNS]] + [["-" if r.get(key) is None else str(r[key]) for _, key in COLUMNS] for r in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for number, row in enumerate(rows):
        print("  ".join(text.rjust(width) for text, width in zip(row, widths)))
        if number == 0:
            print("  ".join("-" * width for width in widths))


def judged(result):
    result.update({key: value for key, value in (result.pop("latency", None) or {}).items() if key != "count"})
    goal = GOALS.get((result["measure"], result["engine"]))
    if goal:
        figure, better, wanted = goal
        value = result.get(figure)
        met = value is not None and (value >= wanted if better == ">=" else value < wanted)
        result["goal"] = f"{better} {wanted}: {'met' if met else 'MISSED'}"
    return result


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
                schedules = 1000 if what in ("trigger", "oncall") else 10
                server = Server(args.hotline, postgres and postgres.url, schedules)
                more = (memory_mb,) if what == "storm" else ()
                for result in globals()[what](args, server, engine, *more):
                    results.append(judged(result))
            finally:
                if server:
                    server.stop()
                if postgres:
                    postgres.stop()
    return results
