"""The benchmark as a reviewer sees it: pairs of languages, pictures by number, bad records named and counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gleam_common.errors import DataError
from gleam_x.review.source import PICTURES, open_benchmark


def test_both_languages_of_a_pair_are_one_page_english_first(benchmark):
    found = open_benchmark(benchmark, "test")
    assert [pair.pair_id for pair in found.pairs] == ["test0", "test1", "test2", "test3"]
    assert all([record.language for record in pair.records] == ["en", "zh"] for pair in found.pairs)
    assert len(open_benchmark(benchmark).pairs) == 5


def test_english_comes_first_wherever_it_stands(tmp_path, make, write):
    found = open_benchmark(write(tmp_path, make(2)[::-1]))
    assert [record.language for pair in found.pairs for record in pair.records] == ["en", "zh", "en", "zh"]


def test_pictures_are_those_of_the_pair_over_row_groups(tmp_path, make, write):
    def pictures(record, number):
        return tuple({"bytes": b"\xff\xd8\xff" + f"{number} {which}".encode(), "path": None} for which in PICTURES)

    found = open_benchmark(write(tmp_path, make(7), pictures))
    for number, pair in enumerate(found.pairs):
        for which in PICTURES:
            data, kind = found.picture(pair, which)
            assert data[3:].decode() == f"{number} {which}"
            assert kind == "image/jpeg"


def test_a_folder_without_a_benchmark_and_an_unknown_split(tmp_path, benchmark):
    with pytest.raises(DataError, match="no benchmark"):
        open_benchmark(tmp_path)
    with pytest.raises(DataError, match="split of the benchmark: 'dev'; allowed: test, train"):
        open_benchmark(benchmark, "dev")


def test_a_file_that_was_cut_off_is_named(tmp_path, make, write):
    folder = write(tmp_path, make(2))
    file = next((folder / "data").glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{file.name} is broken"):
        open_benchmark(folder)


def test_a_missing_picture_is_named_and_the_others_counted(tmp_path, make, write):
    def pictures(record, number):
        whole = {"bytes": b"\xff\xd8\xff", "path": None}
        return (whole, None if number else whole)

    with pytest.raises(DataError, match=r"record test1-en has no satellite_image \(and 5 more\)"):
        open_benchmark(write(tmp_path, make(4), pictures))


def test_bytes_that_no_browser_shows_are_refused(tmp_path, make, write):
    svg = {"bytes": b"<svg onload='alert(1)'/>", "path": None}
    with pytest.raises(DataError, match="record test0-en: query_image is no JPEG, PNG or WEBP"):
        open_benchmark(write(tmp_path, make(1), lambda record, number: (svg, svg)))


def test_an_unknown_language_is_named_and_counted(tmp_path, make, write):
    records = [replace(record, language="fr") if record.language == "zh" else record for record in make(3)]
    with pytest.raises(DataError, match=r"test0-zh: language is 'fr' \(and 2 more records\)"):
        open_benchmark(write(tmp_path, records))
