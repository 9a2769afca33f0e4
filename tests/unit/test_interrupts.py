"""Ctrl-C waits for what must not be interrupted."""

import os
import signal
import threading

import pytest

from jumps_blender.interrupts import ended_in_order, uninterrupted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signal to itself")


def test_what_is_begun_is_finished_first():
    done = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        done.append(True)
    assert done
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    with uninterrupted():
        pass


def test_errors_come_through_and_what_python_does_not_handle_stays():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="own"), uninterrupted():
        raise ValueError("own")
    assert signal.getsignal(signal.SIGINT) == before

    def work() -> None:
        with uninterrupted():  # signals are the main thread's
            done.append(signal.getsignal(signal.SIGINT) == before)

    done: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_process_that_is_asked_to_end_tidies_up():
    tidied = []
    with pytest.raises(SystemExit) as ended, ended_in_order():  # noqa: PT012
        try:
            with uninterrupted():
                os.kill(os.getpid(), signal.SIGTERM)
                tidied.append("the rest")
        finally:
            tidied.append("up")
    assert ended.value.code == 143
    assert tidied == ["the rest", "up"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
