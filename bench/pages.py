"""The measures of status pages, used by run.py; with SQLite and with a PostgreSQL of its own.

  pages    visitors a second of a status page while its incident is updated every second, beside a static file server on this
           machine that serves the same bytes (nginx; without it one of ours that holds them in memory), by turns, with the same
           visitors, which take their share of the same processors; and how long an update takes from the API's being asked for it
           until it is on every representation
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import events

MEASURES = ["pages"]
SERVICES = 12
# Rounds of each, by turns: what else happens on the machine meets both.
ROUNDS = 3
# Seconds until an update must be seen.
FRESH = 2.0
REPRESENTATIONS = ["", "/history", "/api/v2/summary.json", "/api/v2/incidents.json", "/api/v2/incidents/unresolved.json",
                   "/history.atom", "/history.rss"]
FIGURES = [("visitors a second", "per_second"), ("answer, median ms", "p50_ms"), ("answer, p99 ms", "p99_ms"),
           ("not answered", "failed"), ("static server a second", "static_per_second"), ("static server, p99 ms", "static_p99_ms"),
           ("static server, not answered", "static_failed"),
           ("share of the static server", "ratio"), ("updates meanwhile", "updates"), ("seen after, slowest s", "fresh_max_s"),
           ("bytes of the page", "bytes")]


def config():
    lines = ["[[customers]]", 'id = "bench"']
    for number in range(SERVICES):
        lines += ["[[services]]", f'id = "service-{number}"', f'name = "Service {number}"']
    components = ", ".join(f'{{ service = "service-{number}", group = "Group {number // 4}" }}' for number in range(SERVICES))
    lines += ["[[status_pages]]", 'id = "bench"', 'title = "The bench"', f"components = [{components}]"]
    return "\n".join(lines) + "\n"


class Server(events.Server):
    """Like that of the events, with a status page."""

    def __init__(self, program, url=None):
        before = events.config
        events.config = lambda _receiver, _schedules: config()
        try:
            super().__init__(program, url, 0)
        finally:
            events.config = before

    def post(self, path, body):
        request = urllib.request.Request(
            f"http://{self.http}/api/v1{path}", data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {events.TOKEN}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def page(self, rest):
        with urllib.request.urlopen(f"http://{self.http}/status/bench{rest}", timeout=30) as answer:
            return answer.read()


class Static:
    """nginx where it is installed, else bench_pages: the page's bytes as a file."""

    def __init__(self, program, body):
        self.folder = tempfile.mkdtemp(prefix="hotline-bench-static-")
        os.chmod(self.folder, 0o755)
        port = events.free_port()
        self.target, page = f"127.0.0.1:{port}", os.path.join(self.folder, "page.html")
        with open(page, "wb") as file:
            file.write(body)
        nginx = shutil.which("nginx")
        if nginx:
            self.name = "nginx"
            with open(os.path.join(self.folder, "nginx.conf"), "w") as file:
                file.write(f"""daemon off; worker_processes auto; pid {self.folder}/pid; error_log {self.folder}/errors;
                    events {{ worker_connections 4096; }}
                    http {{ access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on; open_file_cache max=100;
                    types {{ text/html html; }} server {{ listen 127.0.0.1:{port}; root {self.folder}; }} }}""")
            command = [nginx, "-c", os.path.join(self.folder, "nginx.conf"), "-p", self.folder]
        else:
            self.name = "bench_pages serve"
            command = [program, "serve", "--listen", self.target, "--file", page]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"http://{self.target}/page.html", timeout=2) as answer:
                    assert answer.read() == body
                    return
            except OSError:
                time.sleep(0.1)
        self.stop()
        sys.exit("error: the static file server did not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def visit(args, target, path):
    command = [args.pages, "visit", "--target", target, "--path", path, "--connections", str(args.connections),
               "--seconds", str(max(2.0, args.seconds / ROUNDS))]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True).stdout)


def seen_after(server, text, published):
    """Seconds until each representation tells of it, the slowest."""
    slowest = 0.0
    for rest in REPRESENTATIONS:
        while text.encode() not in server.page(rest):
            if time.monotonic() - published > 60:
                return 60.0
            time.sleep(0.01)
        slowest = max(slowest, time.monotonic() - published)
    return slowest


def update_for_ever(server, incident, stop, took):
    number = 0
    while not stop.is_set():
        number += 1
        text = f"This is update number {number} of the bench."
        # From asking for it: what the API itself takes counts too.
        asked = time.monotonic()
        server.post(f"/incidents/{incident}/updates", {"text": text, "phase": "identified", "publish": True})
        took.append(seen_after(server, text, asked))
        stop.wait(1)


def middle(values):
    return sorted(values)[len(values) // 2]


def measure(args, engine, url):
    server = Server(args.hotline, url)
    static = None
    try:
        opened = server.post("/incidents", {
            "title": "bench", "public_title": "The bench is busy", "severity": "major",
            "affected": [{"service": "service-1", "impact": "partial_outage"}]})
        server.post(f"/incidents/{opened['id']}/updates", {"text": "It begins.", "phase": "investigating", "publish": True})
        seen_after(server, "It begins.", time.monotonic())
        body = server.page("")
        static = Static(args.pages, body)
        stop, took = threading.Event(), []
        writer = threading.Thread(target=update_for_ever, args=(server, opened["id"], stop, took))
        writer.start()
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(visit(args, server.http, "/status/bench"))
            theirs.append(visit(args, static.target, "/page.html"))
        stop.set()
        writer.join()
        result = {"measure": "pages", "engine": engine, "static": static.name, "bytes": len(body), "updates": len(took),
                  "fresh_max_s": round(max(took), 3), "failed": sum(one["failed"] for one in ours),
                  "static_failed": sum(one["failed"] for one in theirs)}
        for key in ("per_second", "p50_ms", "p99_ms"):
            result[key] = round(middle([one[key] for one in ours]), 2)
            result[f"static_{key}"] = round(middle([one[key] for one in theirs]), 2)
        result["ratio"] = round(result["per_second"] / result["static_per_second"], 3)
        return result
    finally:
        if static:
            static.stop()
        server.stop()


def run(args):
    results = []
    for engine in args.engines:
        print(f"pages, {engine} …", file=sys.stderr, flush=True)
        postgres = events.Postgres() if engine == "postgres" else None
        try:
            results.append(measure(args, engine, postgres.url if postgres else None))
        finally:
            if postgres:
                postgres.stop()
    return results


def table(results):
    """Prints the figures; whether the goals were met."""
    fine = True
    for result in results:
        print(f"\npages, {result['engine']} (beside {result['static']})")
        for words, key in FIGURES:
            missed = key == "failed" and result[key] > 0 or key == "fresh_max_s" and result[key] > FRESH
            fine = fine and not missed
            print(f"  {words:<32}{result[key]:>12}{'   MISSED' if missed else ''}")
    return fine
