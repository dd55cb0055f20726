import queue
import threading
from say import say


def square(jobs, results):
    while True:
        job = jobs.get()
        if job is None:
            results.put(None)
            return
        results.put([job, job * job])


jobs = queue.Queue(3)
results = queue.Queue()
thread = threading.Thread(target=square, args=(jobs, results))
thread.start()
for job in range(1, 13):
    jobs.put(job)
jobs.put(None)
while (result := results.get()) is not None:
    say(*result)
thread.join()
say(jobs.qsize(), results.empty(), jobs.full())
