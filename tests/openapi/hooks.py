"""What schemathesis can't know of the daemon from its description alone.

It brings jobs of every status to the calls on one job, keeps well-formed requests from being refused for reasons that no
schema can say, closes the schemas of the answers, so that a field that is not described is found, and counts what was
answered, for the test to see that every call succeeded at times.
"""

import atexit
import collections
import itertools
import json
import os
import re

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

URL = os.environ["JOBTOP_URL"]
# A job that has ended and left a log: only who is on the Unix socket may have one run.
LOGGED = os.environ["JOBTOP_LOGGED"]

seen = collections.Counter()
turns = collections.defaultdict(itertools.count)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # The daemon runs with `--auth none`: a missing token is no mistake.
    raw_schema["security"] = []
    schemas = raw_schema["components"]["schemas"]
    for name in answered(raw_schema, schemas):
        close(schemas[name])


def answered(document, schemas):
    """The names of the schemas that answers are made of."""
    found, left = set(), [document["components"]["responses"]]
    for path in document["paths"].values():
        left += [call["responses"] for call in path.values() if "responses" in call]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            name = str(part.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in schemas and name not in found:
                found.add(name)
                left.append(schemas[name])
        if isinstance(part, (dict, list)):
            left += part.values() if isinstance(part, dict) else part
    return found


def close(schema):
    """Nothing beyond what is described."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            close(part)
    elif isinstance(schema, list):
        for part in schema:
            close(part)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None:
        return
    call = case.operation.definition.raw["operationId"]
    turn = next(turns[call])
    # Who names a user is held to it, and sees nobody else's job: that would hide what else is wrong, so mostly not.
    if turn % 4 < 3:
        for part in (case.query, case.body):
            if isinstance(part, dict) and is_user(part.get("userId", 0)):
                del part["userId"]
    if case.query and not case.meta.is_negative_at(ParameterLocation.QUERY):
        answerable_query(case.query, turn)
    if isinstance(case.body, dict) and not case.meta.is_negative_at(ParameterLocation.BODY):
        acceptable_body(case.body, turn)
    # A chain of calls is about the job that it made itself.
    chained = case.meta.phase.name == "stateful" or case.meta.is_negative_at(ParameterLocation.PATH)
    if case.operation.path.startswith("/api/jobs/{id}") and not chained:
        if call == "readLog" and turn % 2:
            case.path_parameters["id"] = LOGGED
        else:
            case.path_parameters["id"] = job(STATUSES[turn % len(STATUSES)])


def is_user(name):
    """Whether a `userId` is as it should be, so that leaving it out rights no wrong."""
    return name is None or isinstance(name, str) and re.fullmatch(r"(?!job_)[A-Za-z0-9._@+-]{1,128}", name)


def answerable_query(query, turn):
    # Only the daemon makes cursors.
    query.pop("cursor", None)
    # These two exclude one another.
    if "tail" in query:
        query.pop("offset", None)
    # Most texts are no filters; a quoted one is.
    if query.get("q"):
        query["q"] = '"%s"' % str(query["q"]).replace('"', "").replace("\\", "")[:300]
        if query["q"] == '""':
            del query["q"]
    # Every other time the epoch is the present one.
    if "after" in query and turn % 2:
        query["epoch"] = EPOCH


def acceptable_body(body, turn):
    # A key that was used is a conflict: mostly a new one, then. Its limit is one of bytes.
    if body.get("idempotencyKey"):
        body["idempotencyKey"] = f"key {turn}" if turn % 4 else body["idempotencyKey"][:50]
    # Commands are not taken over TCP: mostly a job that waits, then.
    if body.get("command") and turn % 4:
        body.update(command=None, status="pending", startedAt=None)
    # One of the job's own steps.
    if body.get("step") is not None:
        body["step"] = 0
    # Jobs that are there.
    if body.get("after"):
        body["after"] = job("completed")


STATUSES = ["pending", "running", "pausing", "paused", "completed", "failed", "cancelling", "cancelled"]


def job(status):
    """A new job of that status."""
    waits = status in ("pending", "cancelled")
    made = post("/api/jobs", type="checked", status="pending" if waits else "running", steps=["one", "two"], totalItems=9)
    path = "/api/jobs/" + made["id"]
    match status:
        case "pausing":
            post(path + "/pause")
        case "paused":
            post(path + "/pause")
            post(path + "/ack", action="pause", ok=True)
        case "completed":
            post(path + "/complete")
        case "failed":
            post(path + "/progress", step="two", metrics={"processedItems": 3, "errorCount": 1})
            post(path + "/fail", error="A file is missing", exitCode=2, lastLines=["no such file"])
        case "cancelling" | "cancelled":
            post(path + "/cancel")
    return made["id"]


session = requests.Session()
EPOCH = session.get(URL + "/api/jobs", timeout=10).json()["epoch"]


def post(path, **body):
    answer = session.post(URL + path, json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()["job"]


@schemathesis.hook
def after_call(context, case, response):
    seen[f"{case.method} {case.operation.path} {response.status_code}"] += 1


@atexit.register
def tell():
    with open(os.environ["JOBTOP_SEEN"], "w", encoding="utf-8") as file:
        json.dump(seen, file)
