import threading
from say import say

names = "abcdefgh"
events = [threading.Event() for _ in range(len(names) + 1)]


def link(number):
    came = events[number].wait(30)
    say(names[number], came, events[number + 1].is_set())
    events[number + 1].set()


threads = [threading.Thread(target=link, args=(n,)) for n in reversed(range(len(names)))]
for thread in threads:
    thread.start()
events[0].set()
say("last", events[-1].wait(30))
for thread in threads:
    thread.join()
events[0].clear()
say([event.is_set() for event in events], events[0].wait(0.01))
