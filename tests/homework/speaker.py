"""A program that speaks the protocol for other languages, and misbehaves as told when asked for `exp`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Message = dict[str, Any]

HOW = sys.argv[1] if len(sys.argv) > 1 else ""

ABOUT = {
    "protocol": 1,
    "name": "speaker",
    "version": "0.1",
    "claims": ["ops"],
    "dtypes": ["float64"],
    "ops": ["negative", "exp"],
}


def negated(array: Message) -> Message:
    """The array with every sign turned."""
    turned = ["-" + x if x[0] != "-" else x[1:] for x in array["data"]]
    return {**array, "data": [x.replace("-nan", "nan") for x in turned]}


def answer(question: Message) -> Message:
    """The right answer, for all but `exp`."""
    if question["message"] == "start":
        return ABOUT
    program = question["program"]
    if program and question["inputs"][0]["dtype"] != "float64":
        return {"error": {"kind": "type", "message": "floats only"}}
    values = list(question["inputs"])
    for step in program:
        if step["op"] == "exp":
            misbehave(question)
        values.append(negated(values[step["args"][0]]))
    result = {"value": values[question["result"]]}
    if question["message"] == "vjp":
        bar = question["cotangent"]
        for _ in program:
            bar = negated(bar)
        bars = dict.fromkeys(question["wanted"])
        place = question["result"]
        while place >= len(question["inputs"]):
            place = program[place - len(question["inputs"])]["args"][0]
        result["cotangents"] = list({**bars, place: bar}.values())
    return result


def misbehave(question: Message) -> None:
    """Do what this program was told to do when `exp` is asked."""
    sys.stderr.write("about to misbehave\n")
    sys.stderr.flush()
    if HOW in ANSWERS:
        say(ANSWERS[HOW](question["id"], question["inputs"][0]), at_once=HOW != "twice")
        said.add(question["id"])
    if HOW in ("hangs", "leaves a child"):
        child = subprocess.Popen(["sleep", "600"])
        if len(sys.argv) > 2:
            Path(sys.argv[2]).write_text(f"{os.getpid()} {child.pid}")
    if HOW in ("exits", "leaves a child"):
        os._exit(7)
    elif HOW == "dies":
        os.kill(os.getpid(), 9)
    elif HOW == "half":
        os.write(1, b'{"id": 3, "val')
        os._exit(0)
    elif HOW == "no end of line":
        os.write(1, b'{"id": 3, "val')
        time.sleep(600)
    elif HOW == "prints":
        os.write(1, b"computing exp\n")
    elif HOW.startswith("closes"):
        os.close(0 if HOW == "closes stdin" else 1)
    while HOW == "prints forever":
        os.write(1, b"x" * 10**6)
    if HOW == "hangs" or HOW.startswith("closes"):
        time.sleep(600)


ANSWERS: dict[str, Callable[[int, Message], Any]] = {
    "other id": lambda id, x: {"id": id - 1, "value": x},
    "twice": lambda id, x: {"id": id, "value": x},
    "closes stdin": lambda id, x: {"id": id, "value": x},
    "list": lambda id, x: [1, 2],
    "array": lambda id, x: {"id": id, "value": [1, 2]},
    "too many": lambda id, x: {"id": id, "value": {**x, "data": ["0x1p+0"] * 100}},
    "no value": lambda id, x: {"id": id},
    "surplus": lambda id, x: {"id": id, "value": x, "note": "slow"},
    "surplus in an error": lambda id, x: {"id": id, "error": {"kind": "value", "message": "no", "at": 3}},
    "both": lambda id, x: {"id": id, "value": x, "error": {"kind": "value", "message": "no"}},
    "kind": lambda id, x: {"id": id, "error": {"kind": "ValueError", "message": "no"}},
    "internal": lambda id, x: {"id": id, "error": {"kind": "internal", "message": "x is undefined"}},
}
"""What is said to a question about `exp`; with `twice` the right answer comes after it."""

said: set[int] = set()


def say(told: Any, *, at_once: bool = True) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(told) + "\n")
    if at_once:
        sys.stdout.flush()


if HOW.startswith("start:"):
    sys.stderr.write("hello from stderr\n")
    sys.stdin.readline()
    what = HOW.removeprefix("start:")
    if what == "exits":
        sys.exit(5)
    if what == "no end of line":
        os.write(1, json.dumps({"id": 1, **ABOUT}).encode())
        sys.stdin.readline()
    if what == "prints":
        os.write(1, b"Loading the model ...\n")
        sys.stdin.readline()
    say({"id": 1, **ABOUT, **json.loads(what)})

for line in sys.stdin:
    asked = json.loads(line)
    told = {"id": asked["id"], **answer(asked)}
    if HOW != "silent" and (HOW == "twice" or asked["id"] not in said):
        say(told)
