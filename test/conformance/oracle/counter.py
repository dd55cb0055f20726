import threading
from say import say

lock = threading.Lock()
total = 0


def work(times):
    global total
    for _ in range(times):
        with lock:
            total += 1


threads = [threading.Thread(target=work, args=(500 * (n + 1),)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say("total", total, lock.locked())
