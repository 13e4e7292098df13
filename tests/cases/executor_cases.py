"""Work for executors: functions of a module, as workers import them."""

import os
import time

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


def never_made():
    raise InputError("no such model")
