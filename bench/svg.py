"""Line graphs as SVG files: no script, no font, readable on light and dark."""

import os

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 48, 52
# Light and dark of each line's colour; told apart by people who see no red or green, too, and by their dashes.
COLOURS = [("#0b62b8", "#6db3ff"), ("#b34700", "#ff9d57"), ("#1d7a3e", "#6fd493"), ("#8a2f9e", "#dd92ef"), ("#6b6000", "#dccb4c"), ("#a3123f", "#ff88a8")]
DASHES = ["", "7 4", "2 4", "10 3 2 3", "1 6", "14 5"]


def steps(highest, most=6):
    """Round numbers from 0 to at least `highest`."""
    if highest <= 0:
        highest = 1
    step = 1e-9
    while highest / step > most:
        for factor in (2, 2.5, 2):
            step *= factor
            if highest / step <= most:
                break
    count = int(-(-highest // step))
    return [round(step * n, 9) for n in range(count + 1)]


def text_of(number):
    return f"{number:g}"


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def graph(title, x_title, y_title, lines, goals=()):
    """`lines`: [(name, [(x, y), …])]; `goals`: [(name, y)] drawn as level lines."""
    xs = [x for _, points in lines for x, _ in points]
    ys = [y for _, points in lines for _, y in points] + [y for _, y in goals]
    x_steps, y_steps = steps(max(xs)), steps(max(ys) * 1.05)
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x, y):
        return LEFT + across * x / x_steps[-1], HEIGHT - BOTTOM - down * y / y_steps[-1]

    light = "".join(f".l{n}{{stroke:{a};fill:none}}.f{n}{{fill:{a}}}" for n, (a, _) in enumerate(COLOURS))
    dark = "".join(f".l{n}{{stroke:{b};fill:none}}.f{n}{{fill:{b}}}" for n, (_, b) in enumerate(COLOURS))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="13">',
        f"<style>.b{{fill:#fff}}.t{{fill:#222}}.g{{stroke:#ddd}}.a{{stroke:#555}}{light}"
        f"@media (prefers-color-scheme:dark){{.b{{fill:#15181c}}.t{{fill:#e4e6e8}}.g{{stroke:#343a40}}.a{{stroke:#a0a6ac}}{dark}}}</style>",
        f'<rect class="b" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="t" x="{LEFT}" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
    ]
    for step in y_steps:
        x, y = place(0, step)
        out.append(f'<line class="g" x1="{x}" x2="{LEFT + across}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="t" x="{x - 8}" y="{y + 4:.1f}" text-anchor="end">{text_of(step)}</text>')
    for step in x_steps:
        x, y = place(step, 0)
        out.append(f'<line class="a" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}"/>')
        out.append(f'<text class="t" x="{x:.1f}" y="{y + 20}" text-anchor="middle">{text_of(step)}</text>')
    out.append(f'<line class="a" x1="{LEFT}" x2="{LEFT + across}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    out.append(f'<text class="t" x="{LEFT + across / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_title)}</text>')
    out.append(f'<text class="t" transform="translate(16 {TOP + down / 2}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>')
    for name, level in goals:
        _, y = place(0, level)
        out.append(f'<line class="a" stroke-dasharray="3 3" x1="{LEFT}" x2="{LEFT + across}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="t" x="{LEFT + across - 4}" y="{y - 5:.1f}" text-anchor="end" font-size="12">{escape(name)}</text>')
    for number, (name, points) in enumerate(lines):
        colour, dash = number % len(COLOURS), DASHES[number // len(COLOURS) % len(DASHES)]
        placed = [place(x, y) for x, y in sorted(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        out.append(f'<polyline class="l{colour}" stroke-width="2" stroke-dasharray="{dash}" points="{path}"/>')
        out += [f'<circle class="f{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{escape(name)}: {text_of(point[0])}, {text_of(point[1])}</title></circle>' for (x, y), point in zip(placed, sorted(points))]
        y = TOP + 12 + number * 22
        out.append(f'<line class="l{colour}" stroke-width="3" stroke-dasharray="{dash}" x1="{LEFT + across + 16}" x2="{LEFT + across + 42}" y1="{y}" y2="{y}"/>')
        out.append(f'<text class="t" x="{LEFT + across + 50}" y="{y + 4}">{escape(name)}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def draw(results, folder):
    """CPU and lateness over the number of calls, one line for each measure and server; the files that were written."""
    several = len({result["server"] for result in results}) > 1
    series = {"cpu.svg": {}, "lateness.svg": {}, "latency.svg": {}}
    for result in results:
        name = f"{result['measure']}, {result['server']}" if several else result["measure"]
        for file, y in (("cpu.svg", result.get("cores")), ("lateness.svg", figure(result, "deviation")), ("latency.svg", figure(result, "latency"))):
            if y is not None:
                series[file].setdefault(name, []).append((result["calls"], y))
    titles = {
        "cpu.svg": ("CPU of the server", "cores in use", []),
        "lateness.svg": ("Packets' distance from their pace, p99", "ms", [("goal: 1 ms", 1.0)]),
        "latency.svg": ("Time through a bridge, p99", "ms", [("goal: 2 ms", 2.0)]),
    }
    written = []
    os.makedirs(folder, exist_ok=True)
    for file, lines in series.items():
        if not any(len(points) > 1 for points in lines.values()):
            continue
        title, y_title, goals = titles[file]
        path = os.path.join(folder, file)
        with open(path, "w") as out:
            out.write(graph(title, "calls at once", y_title, sorted(lines.items()), goals))
        written.append(path)
    return written


def figure(result, key):
    inner = result.get(key) or {}
    return inner.get("p99_ms") if inner.get("count") and "cores" in result else None
