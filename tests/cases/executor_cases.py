"""Work for executors: functions of a module, as workers import them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from seqvae.errors import InputError, UnknownTokenError


def doubler():
    return lambda chunk: 2 * chunk


def slow_doubler(seconds):
    def work(chunk):
        time.sleep(seconds * (chunk % 3))
        return 2 * chunk

    return work


def process_ids():
    return lambda _: os.getpid()


def talker():
    def work(chunk):
        print("to standard output")  # must not mix with the replies
        return chunk

    return work


def failing(kind):
    def work(chunk):
        if chunk == 3:
            if kind == "token":
                raise UnknownTokenError("CX", "X", 2)
            if kind == "bug":
                raise KeyError("x")
            os._exit(9)
        return chunk

    return work


def starts_a_program(file, end):
    """Start a program that takes long, write down its number, and end, hang or wait for it."""

    def work(task):
        child = subprocess.Popen(["sleep", "50"])
        file.write_text(str(child.pid))
        if end == "die":
            os._exit(7)
        child.wait()

    return work


def never_made():
    raise InputError("no such model")


def named():
    """Do what each task says, and tell how often the function was made in this process."""
    made.append(os.getpid())

    def work(task):
        if task == "hang":
            time.sleep(60)
        if task == "fork and hang":  # what it leaves behind holds whatever the worker had open
            if os.fork() == 0:
                time.sleep(3)
                os._exit(0)
            time.sleep(60)
        if task == "die":
            os._exit(7)
        if task == "odd":
            return lambda: None
        if task == "read":
            return sys.stdin.read()
        return len(made), made[0]

    return work


made = []


def dies_once(path):
    def work(task):
        if not path.exists():
            path.touch()
            os._exit(9)
        return task

    return work


def marked_and_slow():
    """What writes into the file that it is given when it begins, and when it is done after half a second."""

    def work(path):
        Path(path).write_text("begun")
        time.sleep(0.5)
        Path(path).write_text("done")

    return work
