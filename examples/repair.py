"""200 files, one of them corrupt: the run fails, is repaired, and continues without reading the others again.

penstock run examples/repair.py:survey --folder FOLDER
penstock retry RUN                      once the file is there, or
penstock fork RUN --keep count_words    once the code can read it
"""

from pathlib import Path

from penstock import operator, workflow


@operator
def list_files(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).glob("*.txt"))


@operator
def count_words(name: str, folder: str) -> int:
    """Count the words of one file; it leaves a mark that it has read it."""
    text = (Path(folder) / name).read_text()
    with (Path(folder) / "read.log").open("a") as log:
        log.write(f"{name}\n")
    if "\N{REPLACEMENT CHARACTER}" in text:
        raise ValueError(f"{name} is corrupt")
    return len(text.split())


@operator
def add_up(words: list[int]) -> int:
    return sum(words)


@workflow
def survey(folder: str) -> int:
    return add_up(count_words.map(list_files(folder), folder=folder))
