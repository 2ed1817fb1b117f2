"""What a pipeline in Python needs to be seen and controlled by jobtop: HTTP, and nothing but the standard library.

    with reporting.Job("csv_processing", name="orders.csv", total_items=120_000) as job:
        for number, row in enumerate(rows, 1):
            ...
            job.progress(step="Processing data", processed=number)   # every row, if you like: it thins them out

The job completes when the block ends, fails with the exception that leaves it, and obeys pause, resume and cancel within
`progress` and `checkpoint`, which wait while it is paused and raise `Cancelled` once it is cancelled. A daemon that is away
stops nothing: the work goes on, and the next report says where it stands.
"""

import http.client
import json
import os
import socket
import sys
import time

REPORT_EVERY = 0.2  # Seconds between two reports of progress; also how long a request to pause may wait to be seen.
ASK_EVERY = 0.2  # Seconds between two looks while paused.
FAREWELL = 60.0  # Seconds for which the end is tried to be told.


class Cancelled(Exception):
    """Somebody cancelled the job. Tidy up, and let it pass."""


class Refused(Exception):
    """The daemon's answer is no; the sentence says why. `code` is for programs."""

    def __init__(self, status, problem):
        super().__init__(problem.get("detail", f"HTTP {status}"))
        self.status = status
        self.code = problem.get("code")


class Job:
    """One job at the daemon, from its creation to its end."""

    def __init__(self, job_type, total_items=None, **more):
        body = {"type": job_type, "totalItems": total_items, "heartbeatSeconds": 5, **more}
        # The same key for every attempt: a creation whose answer was lost does not make a second job.
        body["idempotencyKey"] = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        self.body = {name: value for name, value in body.items() if value is not None}
        self.id = None
        self.said = 0.0
        self.paused = False
        self.metrics = {}
        self.step = None

    def __enter__(self):
        self._try(self._create)
        return self

    def __exit__(self, kind, error, _trace):
        if kind is None:
            self._end("/complete", {})
        elif issubclass(kind, Cancelled):
            # The work has stopped and is tidied up: only now is the request to cancel acknowledged.
            self._end("/ack", {"action": "cancel", "ok": True})
        else:
            what = str(error) or kind.__name__
            self._end("/fail", {"error": what, "code": kind.__name__, "suggestion": hint(error)})
        return False

    def progress(self, step=None, processed=None, errors=None, message=None):
        """Says how far the work is, at most five times a second unless the step changes; obeys what is asked."""
        new_step = step is not None and step != self.step
        self.step = step if step is not None else self.step
        if processed is not None:
            self.metrics["processedItems"] = processed
        if errors is not None:
            self.metrics["errorCount"] = errors
        if new_step or time.monotonic() - self.said >= REPORT_EVERY:
            self.checkpoint(message)

    def checkpoint(self, message=None):
        """Reports now, and obeys."""
        self.said = time.monotonic()
        report = {"step": self.step, "metrics": dict(self.metrics), "message": message}
        report = {name: value for name, value in report.items() if value is not None}
        self._try(lambda: self._obey(self._call("POST", f"/{self._known()}/progress", report)["job"]))
        while self.paused:
            time.sleep(ASK_EVERY)
            self._try(lambda: self._obey(self._call("GET", f"/{self._known()}")["job"]))

    def _obey(self, job):
        """Does what the answer asks, and says that it is done."""
        asked = (job.get("control") or {}).get("action")
        if job["status"] == "cancelled":
            raise Cancelled
        if asked in ("pause", "resume"):
            # Nothing runs while this method waits, so the answer is true before it is given.
            self._call("POST", f"/{self.id}/ack", {"action": asked, "ok": True})
        self.paused = job["status"] == "paused"

    def _try(self, act):
        """A daemon that can't be reached is no reason to stop; nor is a refusal, but for a job that has ended."""
        try:
            act()
        except (OSError, http.client.HTTPException):
            pass
        except Refused as refusal:
            if refusal.code == "job_finished":
                raise Cancelled from refusal
            print(f"jobtop: {refusal}", file=sys.stderr)

    def _create(self):
        self.id = self._call("POST", "", self.body)["job"]["id"]

    def _known(self):
        if self.id is None:
            self._create()
        return self.id

    def _end(self, path, body):
        """The end matters: it is tried until the daemon has it on its disk, or a minute is over."""
        deadline = time.monotonic() + FAREWELL
        while True:
            try:
                self._call("POST", f"/{self._known()}{path}", body)
                return
            except Refused:
                return  # It has ended already, in another way: what the daemon says holds.
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    print(f"jobtop: the end was not told ({error})", file=sys.stderr)
                    return
                time.sleep(0.5)

    def _call(self, method, path, body=None):
        connection = connect()
        try:
            headers = {"Content-Type": "application/json"}
            if token := os.environ.get("JOBTOP_TOKEN"):
                headers["Authorization"] = f"Bearer {token}"
            payload = None if body is None else json.dumps(body)
            connection.request(method, f"/api/jobs{path}", payload, headers)
            answer = connection.getresponse()
            text = json.loads(answer.read())
            if answer.status >= 400:
                raise Refused(answer.status, text)
            return text
        finally:
            connection.close()


def hint(error):
    """What a person can do about it."""
    if isinstance(error, FileNotFoundError):
        return f"Check that {error.filename} exists"
    return "Look at what the pipeline printed"


class UnixConnection(http.client.HTTPConnection):
    """HTTP on the daemon's Unix socket, which needs neither a port nor a token."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def connect():
    """JOBTOP_ADDRESS=127.0.0.1:7411 for a daemon with a TCP port, else the local daemon's socket."""
    if address := os.environ.get("JOBTOP_ADDRESS"):
        return http.client.HTTPConnection(address, timeout=10)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    folder = runtime or state
    return UnixConnection(os.environ.get("JOBTOP_SOCKET") or f"{folder}/jobtop/jobtopd.sock")
