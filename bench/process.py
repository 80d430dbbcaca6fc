"""Processes: what the kernel says of them (CPU time, memory, how busy the machine is), and how they end."""

import os
import signal
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


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
    """User and system time of the process and its children so far. Their sum is exact; the kernel only estimates how it is
    divided between the two."""
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


def threads_cpu(pid):
    """CPU seconds of each of the process's threads so far, by name; threads of one name together."""
    by_name = {}
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/comm") as comm:
                name = comm.read().strip().rstrip("0123456789-")
            with open(f"/proc/{pid}/task/{thread}/schedstat") as stat:
                by_name[name] = by_name.get(name, 0) + int(stat.read().split()[0]) / 1e9
    except OSError:
        pass
    return by_name


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
    return round(now / 1024, 2), round(peak / 1024, 2)


def machine_busy():
    """CPU seconds that all processes of the machine used so far, by the kernel's own count."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _wait, irq, soft, steal = [int(x) for x in stat.readline().split()[1:9]]
    return (user + nice + system + irq + soft + steal) / TICKS


def end(process, seconds):
    """Asks a process to end, and ends it if it has not after so many seconds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
