"""Results of calls as a table, with the ratio of two servers in the same run."""

COLUMNS = [
    ("measure", "measure", "{}"), ("calls", "calls", "{}"), ("ok", "ok", "{}"), ("failed", "failed", "{}"),
    ("CPU s/call-min", "cpu_s_per_call_min", "{:.4f}"), ("calls/core", "calls_per_core", "{}"), ("CPU ms/call", "cpu_ms_per_call", "{:.2f}"),
    ("set-up p99 ms", ("set_up", "p99_ms"), "{:.1f}"), ("pps min", "pps_min", "{:.2f}"),
    ("lost", "lost", "{}"), ("dev p50 ms", ("deviation", "p50_ms"), "{:.2f}"), ("p99", ("deviation", "p99_ms"), "{:.2f}"),
    ("max", ("deviation", "max_ms"), "{:.1f}"), ("through p50 ms", ("latency", "p50_ms"), "{:.2f}"), ("p99", ("latency", "p99_ms"), "{:.2f}"),
    ("RSS MB", "rss_mb", "{:.0f}"), ("kB/call", "kb_per_call", "{:.1f}"), ("peer slip p99 ms", ("own_lateness", "p99_ms"), "{:.2f}"),
    ("others' cores", "others_cores", "{:.2f}"),
]
# What is compared when there are two servers: less is better in all of them.
COMPARED = [
    ("CPU s/call-min", "cpu_s_per_call_min"), ("CPU ms/call", "cpu_ms_per_call"), ("set-up p99", ("set_up", "p99_ms")),
    ("dev p99", ("deviation", "p99_ms")), ("through p99", ("latency", "p99_ms")), ("kB/call", "kb_per_call"),
]


def value(result, key):
    if isinstance(key, tuple):
        inner = result.get(key[0]) or {}
        return inner.get(key[1]) if inner.get("count") else None
    return result.get(key)


def cell(result, key, form):
    found = value(result, key)
    return "-" if found is None else form.format(found)


def put(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(text.rjust(width) for text, width in zip(row, widths)))
        if number == 0:
            print("  ".join("-" * width for width in widths))


def show(results):
    """All results, then what they say about each other and about the machine."""
    several = len({result["server"] for result in results}) > 1
    columns = ([("server", "server", "{}")] if several else []) + COLUMNS
    columns = [column for column in columns if any(value(result, column[1]) is not None for result in results)]
    put([[name for name, _, _ in columns]] + [[cell(result, key, form) for _, key, form in columns] for result in results])
    if several:
        print()
        ratios(results)
    for result in results:
        if "rss_rounds_mb" in result:
            print(f"RSS after each {result['calls'] // len(result['rss_rounds_mb'])} calls, MB: {' '.join(map(str, result['rss_rounds_mb']))}; at the end {result['rss_end_mb']}")
        if result.get("threads") and len(results) <= 8:
            parts = [f"{name} {seconds:.4f}" for name, seconds in sorted(result["threads"].items(), key=lambda item: -item[1]) if seconds >= 0.0002]
            print(f"{result['server']}, {result['measure']} {result['calls']}: CPU s/call-min by thread: {', '.join(parts)}")
    notes(results)


def ratios(results):
    """The other server's figures divided by ours."""
    ours = {(result["measure"], result["calls"]): result for result in results if result["server"] == "hotline"}
    rows = [["other / hotline", "measure", "calls"] + [name for name, _ in COMPARED]]
    for result in results:
        own = ours.get((result["measure"], result["calls"]))
        if own is None or own is result:
            continue
        cells = []
        for _, key in COMPARED:
            theirs, mine = value(result, key), value(own, key)
            cells.append(f"{theirs / mine:.1f}" if theirs is not None and mine else "-")
        rows.append([result["server"], result["measure"], str(result["calls"])] + cells)
    put(rows)


def notes(results):
    for result in results:
        if result.get("slipping"):
            print(f"note: {result['measure']} {result['calls']}: the generator itself was late (p99 {result['own_lateness']['p99_ms']:.1f} ms); its lateness says nothing about the server")
    if any(result["others_cores"] > 0.3 for result in results):
        print("note: other processes were busy; lateness and rates say less, CPU seconds hold within some 20 %")
    if any(result.get("busy_cores", 0) > 1 for result in results):
        print("note: more than half of a two-core machine was busy; lateness is that of a crowded machine")
