import queue
import threading
from say import say

jobs = queue.Queue(4)
done = queue.Queue()


def produce(first):
    for number in range(first, first + 25):
        jobs.put(number)


def consume():
    while (number := jobs.get()) >= 0:
        done.put(number)
        jobs.task_done()
    jobs.task_done()


producers = [threading.Thread(target=produce, args=(100 * n,)) for n in range(3)]
consumers = [threading.Thread(target=consume) for _ in range(2)]
for thread in producers + consumers:
    thread.start()
for thread in producers:
    thread.join()
for _ in consumers:
    jobs.put(-1)
jobs.join()
for thread in consumers:
    thread.join()
numbers = []
while not done.empty():
    numbers.append(done.get())
say(len(numbers), sum(numbers), sorted(numbers)[:3], jobs.qsize())
