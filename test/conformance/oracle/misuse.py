import threading
from say import say


def refused(call):
    try:
        call()
        return "allowed"
    except (RuntimeError, ValueError, TypeError):
        return "refused"


started = threading.Thread()
started.start()
started.join()
condition = threading.Condition()
event = threading.Event()
say("release a free lock", refused(threading.Lock().release))
say("release a free rlock", refused(threading.RLock().release))
say("notify without the lock", refused(condition.notify))
say("wait without the lock", refused(lambda: condition.wait(0)))
say("a negative semaphore", refused(lambda: threading.Semaphore(-1)))
say("release no permits", refused(lambda: threading.Semaphore(1).release(0)))
say("start twice", refused(started.start))
say("join before start", refused(threading.Thread().join))
say("join oneself", refused(threading.current_thread().join))
say("daemon after start", refused(lambda: setattr(started, "daemon", True)))
say("set an event twice", refused(lambda: [event.set() for _ in range(2)]))
