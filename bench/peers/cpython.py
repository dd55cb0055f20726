"""
The rows in CPython: prints a line of JSON for each.
Usage: python3 cpython.py threads|others workers full|quick row…
`others`: InterpreterPoolExecutor, where there is one, otherwise ProcessPoolExecutor.
"""
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections import deque

kind, workers, size, rows = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
FULL = {"time": 0.15, "warm": 0.06, "longest": 1.2, "numbers": 1_000_000, "waiting": 1_000_000}
QUICK = {"time": 0.03, "warm": 0.015, "longest": 0.3, "numbers": 50_000, "waiting": 10_000}
sizes = QUICK if size == "quick" else FULL
clock = time.perf_counter


def say(row, value, note=None, aside=False):
    line = {"row": row, "value": value}
    if note:
        line["note"] = note
    if aside:
        line["aside"] = True
    print(json.dumps(line), flush=True)


def open_pool():
    import concurrent.futures as futures

    executor = futures.ThreadPoolExecutor
    if kind != "threads":
        executor = getattr(futures, "InterpreterPoolExecutor", None) or futures.ProcessPoolExecutor
    return executor(workers)


def rate(pool, seconds, lanes, value):
    """Calls a second with so many in flight."""
    started = clock()
    pending = deque(pool.submit(tasks.empty, value) for _ in range(lanes))
    count = 0
    while clock() - started < seconds or count == 0:
        pending.popleft().result()
        count += 1
        pending.append(pool.submit(tasks.empty, value))
    for future in pending:
        future.result()
    return (count + lanes) / (clock() - started)


def one_by_one(pool):
    rate(pool, sizes["warm"], 1, 1)
    times = []
    end = clock() + sizes["time"]
    started = 0
    while started < end:
        started = clock()
        pool.submit(tasks.empty, 1).result()
        times.append((clock() - started) * 1e6)
    say("one-by-one", statistics.median(times))


def in_flight(pool, row):
    lanes = int(row.split("-")[1])
    rate(pool, sizes["warm"], lanes, 1)
    say(row, rate(pool, sizes["time"], lanes, 1))


def payload(pool, row):
    if row == "move-1MB" and kind != "threads":
        say_error(row, "nothing moves between its workers")
        return
    own = [{"n": n, "name": f"item {n}"} for n in range(500_000)] if row == "copy-1MB-data" else []
    data = b"1" * {"copy-10B": 10, "copy-1KB": 1024}.get(row, 2**20)
    rate(pool, sizes["warm"], 1, data)
    threads = kind == "threads"
    say(row, 1e6 / rate(pool, sizes["time"], 1, data), "by reference" if threads else None, threads)
    own.clear()


def turns_for(milliseconds):
    best = min(timed(lambda: tasks.work(10_000)) for _ in range(30))
    return max(1, round(10_000 / best * milliseconds / 1000))


def timed(call):
    started = clock()
    call()
    return clock() - started


def speed_up(pool, row):
    milliseconds = float(row.split("-")[1])
    turns = turns_for(milliseconds)
    count = max(4, 2 * round(sizes["time"] * 1000 / milliseconds))

    def alone():
        for _ in range(count):
            tasks.work(turns)

    def together():
        for future in [pool.submit(tasks.work, turns) for _ in range(count)]:
            future.result()

    together()
    say(row, timed(alone) / timed(together))


def mapped(pool, row):
    items = row == "map-items"

    def run(count):
        numbers = list(range(count))
        started = clock()
        if items:
            results = list(pool.map(tasks.add_one, numbers))
        elif kind == "threads":
            parts = [numbers[start : start + 10_000] for start in range(0, count, 10_000)]
            results = [value for part in pool.map(tasks.add_one_to_each, parts) for value in part]
        else:
            results = list(pool.map(tasks.add_one, numbers, chunksize=10_000))
        assert results[-1] == count
        return (clock() - started) / count

    most = sizes["numbers"]
    first = min(most, 2000 if items else 50_000)
    run(first)
    fit = int(sizes["longest"] / 2 / run(first))
    count = most if fit >= most else max(first, fit)
    say(row, 1 / run(count), None if count == most else f"over {count:,}")


def resident():
    """Resident bytes; of several processes, what they share counts once."""
    pids = [os.getpid(), *(getattr(pool, "_processes", None) or ())]
    if len(pids) == 1:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024
    return total


def waiting(pool, count):
    with tempfile.TemporaryDirectory() as folder:
        over = f"{folder}/over"
        begun = [f"{folder}/{n}" for n in range(workers)]
        held = [pool.submit(tasks.hold, name, over) for name in begun]
        while not all(os.path.exists(name) for name in begun):
            time.sleep(0.001)
        before = resident()
        started = clock()
        futures = [pool.submit(tasks.empty, n) for n in range(count)]
        submitted = clock() - started
        size = (resident() - before) / count - 8
        started = clock()
        open(over, "w").close()
        for future in futures:
            future.result()
        spent = submitted + clock() - started
        for future in held:
            future.result()
        return spent / count, size


def queued(pool):
    waiting(pool, 1000)
    few = statistics.median(waiting(pool, 1000)[0] for _ in range(5))
    count, (many, size) = 1000, (few, 0)
    while count < sizes["waiting"]:
        if count > 1000 and count * 10 * many * max(1, many / few) > sizes["longest"]:
            break
        count *= 10
        many, size = waiting(pool, count)
    note = None if count == 1_000_000 else f"with {count:,}"
    say("queued", many * 1e6, note)
    say("queued-growth", many / few, note, count != sizes["waiting"])
    # Few tasks find room in pages that are there.
    say("queued-bytes", size, f"resident; {note}" if note else "resident", count < 50_000)


def memory(pool):
    turns = turns_for(1)
    for _ in range(3):
        for future in [pool.submit(tasks.work, turns) for _ in range(workers * 8)]:
            future.result()
    time.sleep(0.1)
    say("memory", resident())


def say_error(row, error):
    print(json.dumps({"row": row, "error": error}), flush=True)


def measure(pool, row):
    if row == "start":
        say(row, start)
    elif row == "one-by-one":
        one_by_one(pool)
    elif row.startswith("flight-"):
        in_flight(pool, row)
    elif row.startswith(("copy-", "move-")):
        payload(pool, row)
    elif row.startswith("cpu-"):
        speed_up(pool, row)
    elif row.startswith("map-"):
        mapped(pool, row)
    elif row == "queued":
        queued(pool)
    elif row == "memory":
        memory(pool)


if __name__ == "__main__":
    began = clock()
    import cpython_tasks as tasks

    with open_pool() as pool:
        pool.submit(tasks.empty, 1).result()
        start = (clock() - began) * 1000
        version = ".".join(map(str, sys.version_info[:3]))
        print(json.dumps({"settings": [type(pool).__name__], "version": version}), flush=True)
        for row in rows:
            gc.collect()
            try:
                measure(pool, row)
            except Exception as error:
                say_error(row, f"{type(error).__name__}: {error}")
