"""What operators print is shown at once if it is asked for, otherwise once nothing else has happened for a while."""

from penstock.cli.printed import LINES_HELD_MAX, QUIET_S, Printed
from penstock.client.runs import LogLine


def line(text: str) -> LogLine:
    return LogLine("train", 1, 0, text)


def test_at_once() -> None:
    shown: list[LogLine] = []
    printed = Printed(shown.append, at_once=True)
    printed.heard(0.0)
    printed.take(line("a"), 0.0)
    assert shown == [line("a")]


def test_lines_wait_until_it_is_quiet_and_then_come_at_once() -> None:
    shown: list[LogLine] = []
    printed = Printed(shown.append, at_once=False)
    printed.heard(0.0)
    printed.take(line("a"), 1.0)
    printed.tick(QUIET_S - 0.1)
    assert shown == []
    printed.tick(QUIET_S)
    printed.take(line("b"), QUIET_S + 1)
    assert shown == [line("a"), line("b")]
    printed.heard(QUIET_S + 2)
    printed.take(line("c"), QUIET_S + 3)
    assert shown == [line("a"), line("b")]


def test_lines_from_before_an_event_are_not_news_and_the_last_ones_are_held() -> None:
    shown: list[LogLine] = []
    printed = Printed(shown.append, at_once=False)
    printed.heard(0.0)
    printed.take(line("old"), 1.0)
    printed.heard(2.0)
    for number in range(LINES_HELD_MAX + 5):
        printed.take(line(str(number)), 3.0)
    printed.tick(2.0 + QUIET_S)
    assert [each.text for each in shown] == [str(number) for number in range(5, LINES_HELD_MAX + 5)]
