import threading
from say import say

condition = threading.Condition()
turn = 0


def player(number, text):
    global turn
    for stroke in range(5):
        with condition:
            condition.wait_for(lambda: turn % 2 == number)
            say(text, stroke)
            turn += 1
            condition.notify_all()


threads = [threading.Thread(target=player, args=(n, text)) for n, text in enumerate(["ping", "pong"])]
for thread in reversed(threads):
    thread.start()
for thread in threads:
    thread.join()
say(turn)
