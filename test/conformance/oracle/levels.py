import threading
from say import say

lock = threading.RLock()


def factorial(n):
    with lock:
        return 1 if n < 2 else n * factorial(n - 1)


def attempt(seen):
    got = lock.acquire(blocking=False)
    seen.append(got)
    if got:
        lock.release()


def by_another():
    seen = []
    thread = threading.Thread(target=attempt, args=(seen,))
    thread.start()
    thread.join()
    return seen[0]


say(factorial(10))
say(by_another())
lock.acquire()
lock.acquire()
say(by_another())
lock.release()
say(by_another())
lock.release()
say(by_another())
try:
    lock.release()
except RuntimeError as error:
    say(type(error).__name__)
