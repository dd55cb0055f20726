import queue
from say import say

full = queue.Queue(2)
say(full.empty(), full.full(), full.qsize())
full.put("a")
full.put("b")
say(full.empty(), full.full(), full.qsize())
try:
    full.put("c", timeout=0.01)
except queue.Full as error:
    say(type(error).__name__)
say(full.get(), full.get())
try:
    full.get(timeout=0.01)
except queue.Empty as error:
    say(type(error).__name__)
for count in range(2):
    full.task_done()
full.join()
try:
    full.task_done()
    say("allowed")
except ValueError:
    say("refused")
try:
    full.get(timeout=-1)
    say("allowed")
except ValueError:
    say("refused")
