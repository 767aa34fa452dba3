"""200 files, three of them corrupt: the run fails, is repaired, and continues without reading the others again.

penstock run examples/repair.py:survey
penstock retry RUN            once the files are there, or
penstock fork RUN             once the code can read them
"""

from pathlib import Path

from penstock import operator, workflow

FILES = 200


@operator
def count_words(folder: str, number: int) -> int:
    """Count the words of one file; it leaves a mark that it has read it."""
    text = (Path(folder) / f"{number}.txt").read_text()
    with (Path(folder) / "read.log").open("a") as log:
        log.write(f"{number}\n")
    if "\N{REPLACEMENT CHARACTER}" in text:
        raise ValueError(f"{number}.txt is corrupt")
    return len(text.split())


@operator
def add_up(words: list[int]) -> int:
    return sum(words)


@workflow
def survey(folder: str) -> int:
    return add_up([count_words(folder, number) for number in range(FILES)])
