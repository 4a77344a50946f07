"""Messages by name: what one process does with its folder, and several with the same."""

from __future__ import annotations

import gc
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_memory import folder_in_memory, free, heard, process, tell, there, used

from meshgen.limits import MEBIBYTE
from meshgen.runtime.mesh.bulk import folder as folder_module
from meshgen.runtime.mesh.bulk import mapping, names, room
from meshgen.runtime.mesh.bulk.folder import HEAD, Folder, GoneError
from meshgen.runtime.mesh.bulk.held import HELD, Held, keep
from meshgen.runtime.mesh.bulk.sweep import sweep

BIG = 1_000_000


@pytest.fixture
def shared() -> Iterator[tuple[Folder, Path]]:
    with folder_in_memory() as made:
        yield made


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def message(view: memoryview, size: int) -> bytes:
    return bytes(view[HEAD : HEAD + size])


def test_a_message_arrives_whole_and_goes(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    name = folder.write([b"head", memoryview(os.urandom(BIG)), b"", b"tail"])
    assert name is not None
    other = process(
        path,
        """
taken = folder.take(sys.stdin.readline().strip())
say(bytes(taken.whole[64:68]), bytes(taken.whole[1_000_068:1_000_072]), taken.name.split("-")[0] == f"{os.getpid():x}")
folder.release(taken.name)
say("done")
""",
    )
    tell(other, name)
    assert heard(other) == "b'head' b'tail' True"
    assert heard(other) == "done"
    assert there(path) == []
    folder.release(name)
    assert len(free(path)) == 1, "it is the other's to let go"
    assert other.wait() == 0


def test_nothing_is_opened_before_the_first_message(shared: tuple[Folder, Path]) -> None:
    before = descriptors()
    folder = Folder(shared[1])
    with Held() as held:
        HELD.set(held)
    assert descriptors() == before
    folder.write([b"x"])
    assert descriptors() == before + 1


def test_descriptors_and_memory_come_back(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    folder.write([b"x"])
    before = descriptors()
    for _ in range(50):
        name = folder.write([bytes(BIG)])
        assert name is not None
        taken = folder.take(name)
        array = np.frombuffer(taken.whole, np.uint8)
        assert taken.name is not None
        folder.release(taken.name)
        del taken, array
    assert descriptors() == before
    assert len(mapping.LIVE) == 0
    assert used(path) < 3 * BIG, "one file was written again and again"
    sweep(path, grace_s=0)
    assert free(path) == []


def test_a_mapping_outlives_its_name_and_is_never_written_anew(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    name = folder.write([b"a" * BIG])
    assert name is not None
    taken = folder.take(name)
    array = np.frombuffer(taken.whole[HEAD : HEAD + BIG], np.uint8)
    assert taken.name is not None
    folder.release(taken.name)
    del taken
    others = [folder.write([b"b" * BIG]) for _ in range(3)]
    assert all(others)
    assert (array == ord("a")).all()
    sweep(path, grace_s=0)
    gc.collect()
    assert (array == ord("a")).all()


def test_a_file_that_others_read_is_not_written_anew(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    name = folder.write([b"a" * BIG])
    assert name is not None
    link = folder.link(name)
    other = process(
        path,
        """
taken = folder.take(sys.stdin.readline().strip())
folder.release(taken.name)
say("let go")
sys.stdin.readline()
say(set(bytes(taken.whole[64:1_000_064])) == {ord("a")})
""",
    )
    tell(other, str(link))
    assert heard(other) == "let go"
    folder.release(name)
    assert len(free(path)) == 1
    assert folder.write([b"b" * BIG]) is not None
    tell(other, "look")
    assert heard(other) == "True"


def test_what_a_receiver_writes_nobody_else_sees(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    own = np.zeros(BIG, np.uint8)
    name = folder.write([own.data])
    assert name is not None
    link = folder.link(name)
    assert link is not None
    program = """
taken = folder.take(sys.stdin.readline().strip())
say(sum(taken.whole[64:1_000_064]))
taken.whole[64] = 7
say(taken.whole[64])
sys.stdin.readline()
"""
    first, second = process(path, program), process(path, program)
    tell(first, link)
    assert (heard(first), heard(first)) == ("0", "7")
    own[:] = 9
    tell(second, name)
    assert (heard(second), heard(second)) == ("0", "7")
    for each in (first, second):
        tell(each, "end")
        assert each.wait() == 0
    sweep(path, grace_s=0)
    assert there(path) == [], "their owners have ended"


def test_what_may_be_passed_on_cannot_be_written_to(shared: tuple[Folder, Path]) -> None:
    folder, _ = shared
    name = folder.write([bytes(BIG)])
    assert name is not None
    taken = folder.take(name, writable=False)
    assert taken.whole.readonly


@pytest.mark.parametrize(
    "name", ["", ".", "..", "room", "/etc/passwd", "../x", "1-1-1-1/../../x", "free-1-1-1-5000", "1-1-1-1\n", "1-1-1-1"]
)
def test_other_names_are_refused(shared: tuple[Folder, Path], name: str) -> None:
    with pytest.raises(GoneError):
        shared[0].take(name)
    assert shared[0].link(name) is None
    shared[0].release("1-1-1-1")


def test_what_is_no_message_of_ours_is_refused(shared: tuple[Folder, Path], tmp_path: Path) -> None:
    folder, path = shared
    folder.write([b"x"])
    before = descriptors()
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(0x5000))
    (path / "1-1-1-5000").symlink_to(secret)
    os.mkfifo(path / "1-1-2-5000")
    (path / "1-1-3-5000").write_bytes(bytes(0x4FFF))
    (path / "1-1-4-5000").mkdir()
    (path / "1-1-5-5000").write_bytes(bytes(0x5000))
    strangers = ["1-1-1-5000", "1-1-2-5000", "1-1-3-5000", "1-1-4-5000"]
    if os.getuid() == 0:
        os.chown(path / "1-1-5-5000", 12345, -1)
        strangers.append("1-1-5-5000")
    for name in strangers:
        with pytest.raises(GoneError):
            folder.take(name)
        assert (path / name).is_symlink() or (path / name).exists(), "it is left alone"
    assert descriptors() == before


def test_a_missing_folder_has_no_room(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "none")
    assert folder.write([bytes(BIG)]) is None
    assert folder.link("1-1-1-5000") is None
    folder.release("1-1-1-5000")
    with pytest.raises(GoneError):
        folder.take("1-1-1-5000")


def test_a_folder_that_goes_takes_the_room_with_it() -> None:
    with folder_in_memory() as (folder, _):
        name = folder.write([bytes(BIG)])
    assert name is not None
    assert folder.write([bytes(BIG)]) is None
    with pytest.raises(GoneError):
        folder.take(name)


def test_a_full_folder_takes_no_more_until_something_goes() -> None:
    with folder_in_memory(5 * BIG) as (folder, path):
        kept: list[str] = []
        while (name := folder.write([bytes(BIG)])) is not None:
            kept.append(name)
        assert len(kept) == 4
        assert used(path) <= 5 * BIG
        folder.release(kept.pop())
        assert folder.write([bytes(BIG // 4)]) is not None, "what is nobody's makes way"
        assert used(path) <= 5 * BIG


def test_what_is_nobodys_but_still_looked_at_counts() -> None:
    with folder_in_memory(5 * BIG) as (folder, path):
        kept = []
        for _ in range(4):
            name = folder.write([bytes(BIG)])
            assert name is not None
            folder._most_mapped = 10 * BIG  # as several processes would together
            kept.append(folder.take(name).whole)
        for name in there(path):
            folder.release(name)
        assert folder.write([bytes(BIG)]) is None, "their memory would stay"
        del kept[0]
        assert folder.write([bytes(BIG)]) is not None


def test_a_file_that_cannot_be_written_leaves_nothing(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    folder.write([b"x"])
    before = there(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BIG // 2, hard))
    try:
        assert folder.write([bytes(BIG)]) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sweep(path, grace_s=0)
    assert there(path) == before


def test_the_bound_holds_for_many_at_once() -> None:
    program = """
import random
say("up")
while True:
    name = folder.write([bytes(random.randrange(100_000, 900_000))])
    if name:
        taken = folder.take(name)
        if taken.name and random.random() < .3:
            link = folder.link(taken.name)
            folder.release(taken.name)
            taken = folder.take(link)
        time.sleep(random.random() / 500)
        if taken.name:
            folder.release(taken.name)
"""
    with folder_in_memory(4 * MEBIBYTE) as (_, path):
        processes = [process(path, program) for _ in range(4)]
        try:
            assert [heard(each) for each in processes] == ["up"] * 4
            end, most = time.monotonic() + 3, 0
            while time.monotonic() < end:
                most = max(most, used(path))
                assert all(p.poll() is None for p in processes)
        finally:
            for each in processes:
                each.kill()
                each.wait()
        assert 3 * MEBIBYTE < most <= 4 * MEBIBYTE
        sweep(path, grace_s=0)
        assert list(path.iterdir()) == [path / room.FILE]


@pytest.mark.parametrize("pause", [0.0, 0.003, 0.01, 0.03])
def test_what_the_killed_leave_is_swept_and_the_living_go_on(pause: float) -> None:
    writing = """
say("up")
while True:
    folder.take(folder.write([bytes(3_000_000)]))
    folder.write([bytes(3_000_000)])
    for name in os.listdir(folder._path):
        if name.startswith(f"{os.getpid():x}-"): folder.release(name)
"""
    with folder_in_memory() as (folder, path):
        mine = folder.write([bytes(BIG)])
        other = process(path, writing)
        assert heard(other) == "up"
        time.sleep(0.1 + pause)
        os.kill(other.pid, signal.SIGKILL)
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        sweep(path, grace_s=0)  # a zombie is dead
        assert there(path) == [mine]
        assert free(path) == []
        other.wait()
        assert folder.write([bytes(BIG)]) is not None, "no lock is left"


def test_a_name_of_the_dead_stays_for_who_was_sent_it(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    other = process(path, "say(folder.write([bytes(1_000_000)]))")
    name = heard(other)
    other.wait()
    sweep(path)
    taken = folder.take(name)
    assert taken.name is not None
    sweep(path, grace_s=0)
    assert there(path) == [taken.name], "it is ours now"


def test_there_are_never_more_names_than_one_look_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "_MOST", 1000)
    with folder_in_memory() as (folder, path):
        name = folder.write([b"x"])
        assert name is not None
        kept = [folder.write([b"x"]) for _ in range(400)]
        assert 250 < len(there(path)) < 300
        assert kept[-1] is None
        while len(there(path)) < 400:
            assert folder.link(name)
        for each in filter(None, kept):
            folder.release(each)
        assert folder.write([bytes(BIG)]) is None, "not all can be seen"
        sweep(path, grace_s=0)


def test_who_holds_the_lock_and_stands_still_keeps_nobody(shared: tuple[Folder, Path]) -> None:
    folder, path = shared
    name = folder.write([b"a" * BIG])
    assert name is not None
    other = process(
        path,
        f"""
import fcntl
fcntl.flock(open({str(path / room.FILE)!r}), fcntl.LOCK_EX)
held = os.open({str(path / room.FILE)!r}, os.O_RDONLY); fcntl.flock(held, fcntl.LOCK_EX)
say("held"); os.kill(os.getpid(), signal.SIGSTOP)
""",
    )
    assert heard(other) == "held"
    begin = time.monotonic()
    assert folder.write([bytes(BIG)]) is None
    assert message(folder.take(name).whole, BIG) == b"a" * BIG
    assert time.monotonic() - begin < 5
    other.kill()
    other.wait()


def test_who_gathers_arrays_gets_copies(shared: tuple[Folder, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, path = shared
    monkeypatch.setattr(mapping, "_MOST", 3)
    arrays = []
    for i in range(6):
        name = folder.write([bytes([i]) * BIG])
        assert name is not None
        taken = folder.take(name)
        arrays.append(np.frombuffer(taken.whole[HEAD : HEAD + BIG], np.uint8))
        if taken.name is not None:
            folder.release(taken.name)
    assert len(mapping.LIVE) == 3
    assert there(path) == []
    assert [(int(a.min()), int(a.max()), a.flags.writeable) for a in arrays] == [(i, i, True) for i in range(6)]


def test_only_one_of_two_takes_a_name(shared: tuple[Folder, Path]) -> None:
    folder, _ = shared
    for _ in range(30):
        name = folder.write([bytes(BIG)])
        assert name is not None
        won: list[str | None] = []

        def take(name: str = name, won: list[str | None] = won) -> None:
            with suppress(GoneError):
                won.append(folder.take(name).name)

        threads = [threading.Thread(target=take) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert won[0] is not None
        folder.release(won[0])


def test_a_forked_child_has_names_of_its_own(shared: tuple[Folder, Path]) -> None:
    folder, _ = shared
    mine = folder.write([b"x"])
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writing, str(folder.write([b"y"])).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    theirs = names.read(os.read(reading, 100).decode())
    own = names.read(str(mine))
    assert theirs is not None
    assert own is not None
    assert (own.owner.pid, theirs.owner.pid) == (os.getpid(), pid)
    assert own.owner.lives()
    assert not theirs.owner.lives()
    os.close(reading)
    os.close(writing)


def test_what_is_written_anew_while_somebody_forks_can_be_taken(
    shared: tuple[Folder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = shared
    fill, children = folder_module._fill, list[int]()

    def forking(file: int, parts: Any) -> None:
        if (pid := os.fork()) == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
        fill(file, parts)

    first = folder.write([b"x" * BIG])
    assert first is not None
    folder.release(first)
    monkeypatch.setattr(folder_module, "_fill", forking)
    try:
        again = folder.write([b"y" * BIG])
        assert again is not None
        assert message(folder.take(again).whole, BIG) == b"y" * BIG
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_a_request_lets_go_what_it_has_taken(shared: tuple[Folder, Path]) -> None:
    folder, path = shared

    def taken() -> str:
        name = folder.write([bytes(BIG)])
        assert name is not None
        own = folder.take(name).name
        assert own is not None
        return own

    keep(folder, taken())
    assert there(path) == [], "outside of a request nobody would"
    with Held() as held:
        held.add(folder, taken())
        held.add(folder, taken())
        assert len(there(path)) == 2
    assert there(path) == []
    held.add(folder, taken())
    assert there(path) == [], "too late"
