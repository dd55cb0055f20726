import threading
from say import say

permits = threading.Semaphore(3)
guard = threading.Lock()
inside = most = 0


def work():
    global inside, most
    for _ in range(50):
        with permits:
            with guard:
                inside += 1
                most = max(most, inside)
            with guard:
                inside -= 1


threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say(inside, most <= 3)
say([permits.acquire(blocking=False) for _ in range(5)])
say(permits.acquire(timeout=0.01))
permits.release(2)
say([permits.acquire(timeout=0.01) for _ in range(3)])
