"""What the workers of CPython's executors run; a module, so that every kind of them can import it."""
import os
import time


def empty(value):
    return value


def work(turns):
    x = turns
    for _ in range(turns):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
    return x


def add_one(n):
    return n + 1


def add_one_to_each(numbers):
    return [n + 1 for n in numbers]


def hold(begun, over):
    """Keeps its worker until there is a file of that name; processes and interpreters share no event."""
    open(begun, "w").close()
    while not os.path.exists(over):
        time.sleep(0.0005)
