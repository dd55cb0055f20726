import re
import threading
from say import say

gate = threading.Event()


def task(number):
    gate.wait()


def text(thread):
    return re.sub(r"\d{3,}", "N", repr(thread)).replace("_MainThread", "Thread")


thread = threading.Thread(target=task, args=(1,), name="weaver", daemon=True)
say(thread.name, thread.daemon, thread.ident, thread.is_alive(), text(thread))
thread.start()
say(thread.ident is not None, thread.is_alive(), threading.active_count(), text(thread))
say([each.name for each in threading.enumerate()])
thread.join(0.01)
say(thread.is_alive())
gate.set()
thread.join()
say(thread.is_alive(), threading.active_count(), thread.ident is not None, text(thread))
say(threading.current_thread().name, threading.main_thread() is threading.current_thread())
say(threading.Thread(target=task).name.split(" ")[1])
