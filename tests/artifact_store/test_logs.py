"""Operators' output: kept in order, capped, merged by time, and readable while it is being written."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock_artifact_store import LOG_BYTES_MAX, ArtifactStoreError, Line, LogKey, LogReader, LogWriter
from penstock_artifact_store.logs import LINE_CHARACTERS_MAX, last_lines, path_of

RUN = bytes(range(16))
FIRST = LogKey(RUN, 0, (), 1, 7)
SECOND = LogKey(RUN, 3, (1, 2), 2, 2**41)
ids = itertools.count()


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


@settings(max_examples=50)
@given(written=st.lists(st.tuples(st.integers(0, 2**60), st.text(max_size=200)), max_size=30))
def test_lines_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, written: list[tuple[int, str]]) -> None:
    root = tmp_path_factory.getbasetemp() / f"logs-{next(ids)}"
    writer = LogWriter(root, SECOND)
    writer.append(written)
    writer.close()
    assert [(line.at_us, line.text) for line in LogReader(root, RUN).poll()] == written


def test_nodes_are_merged_by_time(tmp_path: Path) -> None:
    LogWriter(tmp_path, FIRST).append([(10, "a"), (30, "c"), (50, "e")])
    LogWriter(tmp_path, SECOND).append([(20, "b"), (40, "d")])
    lines = list(LogReader(tmp_path, RUN).poll())
    assert texts(lines) == ["a", "b", "c", "d", "e"]
    assert [line.key for line in lines] == [FIRST, SECOND, FIRST, SECOND, FIRST]
    assert texts(list(LogReader(tmp_path, RUN, node=3).poll())) == ["b", "d"]


def test_a_follower_sees_each_line_once(tmp_path: Path) -> None:
    reader = LogReader(tmp_path, RUN)
    assert list(reader.poll()) == []
    writer = LogWriter(tmp_path, FIRST)
    writer.append([(1, "one")])
    assert texts(list(reader.poll())) == ["one"]
    writer.append([(2, "two")])
    LogWriter(tmp_path, SECOND).append([(3, "three")])
    assert texts(list(reader.poll())) == ["two", "three"]
    assert list(reader.poll()) == []


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    LogWriter(tmp_path, FIRST).append([(1, "whole")])
    path = path_of(tmp_path, FIRST)
    reader = LogReader(tmp_path, RUN)
    with open(path, "ab", buffering=0) as file:
        file.write(b'[2,"ha')
        assert texts(list(reader.poll())) == ["whole"]
        file.write(b'lf"]\n')
        assert texts(list(reader.poll())) == ["half"]


def test_a_writer_that_was_killed_costs_its_last_line_only(tmp_path: Path) -> None:
    LogWriter(tmp_path, FIRST).append([(1, "whole")])
    with open(path_of(tmp_path, FIRST), "ab", buffering=0) as file:
        file.write(b'[2,"ha')
    LogWriter(tmp_path, FIRST).append([(3, "next")])
    assert texts(list(LogReader(tmp_path, RUN).poll())) == ["whole", "next"]


def test_output_without_end_is_cut_and_said(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, FIRST)
    for _ in range(LOG_BYTES_MAX // 1_000_000 + 2):
        writer.append([(1, "x" * 10_000)] * 100)
    again = LogWriter(tmp_path, FIRST)
    again.append([(2, "after a restart")])
    lines = list(LogReader(tmp_path, RUN).poll())
    assert lines[-1].text.startswith("[truncated")
    assert sum(line.text.startswith("[truncated") for line in lines) == 1
    assert path_of(tmp_path, FIRST).stat().st_size < LOG_BYTES_MAX + 2 * 10_100


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    LogWriter(tmp_path, FIRST).append([(1, "\U0001f600" * 10 * LINE_CHARACTERS_MAX), (2, "next")])
    first, second = LogReader(tmp_path, RUN).poll()
    assert len(first.text) == LINE_CHARACTERS_MAX + 3
    assert second.text == "next"


def test_text_that_is_no_text_is_kept_as_far_as_possible(tmp_path: Path) -> None:
    LogWriter(tmp_path, FIRST).append([(1, "a\ud800b")])
    assert texts(list(LogReader(tmp_path, RUN).poll())) == ["a?b"]


def test_strange_files_are_passed_over(tmp_path: Path) -> None:
    LogWriter(tmp_path, FIRST).append([(1, "ours")])
    folder = path_of(tmp_path, FIRST).parent
    (folder / "notes.txt").write_bytes(b'[1,"theirs"]\n')
    (folder / "all-2-2.jsonl").write_bytes(b"\xff" * 200_000 + b"\n")
    assert texts(list(LogReader(tmp_path, RUN).poll())) == ["ours"]


@pytest.mark.parametrize(
    "key",
    [
        FIRST._replace(run_id=b""),
        FIRST._replace(run_id=b"../../../../etc/"[:15]),
        FIRST._replace(node=-1),
        FIRST._replace(item=(-1,)),
        FIRST._replace(item=tuple(range(17))),
    ],
)
def test_only_executions_have_output(tmp_path: Path, key: LogKey) -> None:
    with pytest.raises(ArtifactStoreError):
        LogWriter(tmp_path, key)


TIMES = st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["Red", "ümlaut", 'quo"te', "x" * 3000])), max_size=12)


@settings(max_examples=60)
@given(
    written=st.lists(TIMES, max_size=3),
    at=st.integers(0, 7),
    count=st.integers(1, 20),
    text=st.sampled_from(["", "rED", '"', "Ü"]),
)
def test_windows_are_parts_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, written: list[list[tuple[int, str]]], at: int, count: int, text: str
) -> None:
    root = tmp_path_factory.getbasetemp() / f"windows-{next(ids)}"
    for node, lines in enumerate(written):
        writer = LogWriter(root, LogKey(RUN, node, (), 1, 7))
        writer.append(sorted(lines, key=lambda line: line[0]))
        writer.close()
    everything = [line for line in LogReader(root, RUN).poll() if text.lower() in line.text.lower()]
    assert everything == sorted(everything, key=lambda line: (line.at_us, line.key))
    assert list(LogReader(root, RUN, from_us=at, text=text).poll()) == [one for one in everything if one.at_us >= at]
    before = [one for one in everything if not at or one.at_us < at]
    assert last_lines(root, RUN, -1, count, before_us=at, text=text) == before[-count:]


def test_a_long_log_is_read_from_any_place(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, FIRST)
    writer.append([(at, f"line {at} " + "y" * (at % 1500)) for at in range(1, 3000)])
    writer.close()
    for at in (1, 2, 1499, 2999):
        assert next(LogReader(tmp_path, RUN, from_us=at).poll()).at_us == at
        assert [one.at_us for one in last_lines(tmp_path, RUN, 0, 2000, before_us=at)] == list(
            range(max(1, at - 2000), at)
        )
    assert list(LogReader(tmp_path, RUN, from_us=3000).poll()) == []
    assert [one.at_us for one in LogReader(tmp_path, RUN, text="LINE 17 ").poll()] == [17]
