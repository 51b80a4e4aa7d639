"""Agreement: published examples, a slow reference from the definition, invariances, and what is refused."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import numpy as np
import pytest
from gleam_common.errors import DataError
from gleam_common.metrics.agreement import (
    agreement_interval,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    ratings,
    raw_agreement,
)

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: 4 observers, 12 units.
KRIPPENDORFF_2011 = [
    [1, 1, None, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [None, 5, 5, 5], [None, None, 1, 1], [None, 3, None, None],
]  # fmt: skip
# Fleiss (1971), table 1: 30 patients, 6 psychiatrists, 5 diagnoses.
FLEISS_1971 = """00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"""
# The worked example that many texts print next to it: 10 subjects, 14 raters, kappa 0.210.
FOURTEEN_RATERS = (
    """0 0 0 0 14/0 2 6 4 2/0 0 3 5 6/0 3 9 2 0/2 2 8 1 1/7 7 0 0 0/3 2 6 3 0/2 5 3 2 2/6 5 2 1 0/0 2 2 3 7"""
)


def rows_of_table(table):
    """Two raters' labels from their contingency table."""
    return [(a, b) for a, row in enumerate(table) for b, count in enumerate(row) for _ in range(count)]


def rows_of_counts(counts):
    return [[label for label, count in enumerate(row) for _ in range(count)] for row in counts]


def fleiss_1971():
    return rows_of_counts([[int(digit) for digit in word] for word in FLEISS_1971.split()])


def random_rows(seed, missing=0.25, labels=4):
    random = np.random.default_rng(seed)
    truth = random.integers(labels, size=(30, 1))
    given = np.where(random.random((30, 4)) < 0.6, truth, random.integers(labels, size=(30, 4)))
    return [[None if random.random() < missing else int(label) for label in row] for row in given]


def test_cohen_1960():
    """Table 1 (kappa -0.09) and table 2 (0.492), as printed."""
    assert cohen_kappa(rows_of_table([[50, 26, 24], [24, 4, 32], [6, 30, 4]])) == pytest.approx(-0.0923, abs=5e-5)
    table_2 = rows_of_table([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    assert raw_agreement(table_2) == pytest.approx(0.70)
    assert cohen_kappa(table_2) == pytest.approx(0.492, abs=5e-4)


def test_fleiss_1971_psychiatric_diagnoses():
    rows = fleiss_1971()
    assert (ratings(rows).counts_UK.sum(0) == [26, 26, 30, 55, 43]).all()
    assert raw_agreement(rows) == pytest.approx(0.556, abs=5e-4)
    assert fleiss_kappa(rows) == pytest.approx(0.430, abs=5e-4)


def test_fleiss_fourteen_raters():
    counts = [[int(number) for number in row.split()] for row in FOURTEEN_RATERS.split("/")]
    assert fleiss_kappa(rows_of_counts(counts)) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorff_2011(level, published):
    assert krippendorff_alpha(KRIPPENDORFF_2011, level) == pytest.approx(published, abs=6e-4)


def test_gwet_on_the_same_data():
    """The R package irrCAC prints pa 0.81818 and AC1 0.77544 for these ratings (its cac.raw4raters)."""
    assert raw_agreement(KRIPPENDORFF_2011) == pytest.approx(0.81818, abs=5e-6)
    assert gwet_ac1(KRIPPENDORFF_2011) == pytest.approx(0.77544, abs=5e-6)


def test_gwet_2008_and_the_paradox_of_kappa():
    emphysema_like = rows_of_table([[118, 5], [2, 0]])
    assert cohen_kappa(emphysema_like) == pytest.approx(-0.0234, abs=5e-5)
    assert gwet_ac1(emphysema_like) == pytest.approx(0.9408, abs=5e-5)
    paradox = rows_of_table([[90, 5], [5, 0]])
    assert raw_agreement(paradox) == pytest.approx(0.9)
    assert cohen_kappa(paradox) == pytest.approx(-0.0526, abs=5e-5)
    assert gwet_ac1(paradox) == pytest.approx(0.8895, abs=5e-5)


def slow_alpha(rows, distance):
    """Mean distance of two ratings of a unit over the mean distance of any two pairable ratings."""
    units = [[label for label in row if label is not None] for row in rows]
    units = [unit for unit in units if len(unit) >= 2]
    values = [label for unit in units for label in unit]
    observed = sum(distance(a, b, values) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2))
    expected = sum(distance(a, b, values) for a, b in permutations(values, 2)) / (len(values) - 1)
    return 1 - observed / expected


def rank_distance(a, b, values):
    low, high = min(a, b), max(a, b)
    between = sum(low <= value <= high for value in values)
    return (between - (values.count(low) + values.count(high)) / 2) ** 2 if a != b else 0


DISTANCES = {
    "nominal": lambda a, b, values: a != b,
    "ordinal": rank_distance,
    "interval": lambda a, b, values: (a - b) ** 2,
}


@pytest.mark.parametrize("level", DISTANCES)
@pytest.mark.parametrize("seed", range(3))
def test_alpha_is_that_of_its_definition(level, seed):
    rows = random_rows(seed)
    assert krippendorff_alpha(rows, level) == pytest.approx(slow_alpha(rows, DISTANCES[level]), abs=1e-12)


def test_raw_agreement_and_ac1_are_those_of_their_definition():
    rows = random_rows(7)
    units = [[label for label in row if label is not None] for row in rows]
    shares = [np.mean([a == b for a, b in permutations(unit, 2)]) for unit in units if len(unit) >= 2]
    assert raw_agreement(rows) == pytest.approx(np.mean(shares))
    share = np.array([np.mean([unit.count(label) / len(unit) for unit in units if unit]) for label in range(4)])
    chance = sum(share * (1 - share)) / 3
    assert gwet_ac1(rows) == pytest.approx((np.mean(shares) - chance) / (1 - chance))


ALL = {
    "raw": raw_agreement,
    "alpha": krippendorff_alpha,
    "ordinal": partial(krippendorff_alpha, level="ordinal"),
    "ac1": gwet_ac1,
}


@pytest.mark.parametrize("measure", [*ALL.values(), fleiss_kappa], ids=[*ALL, "fleiss"])
def test_order_of_units_and_raters_and_names_of_labels_do_not_matter(measure):
    rows = random_rows(3, missing=0 if measure is fleiss_kappa else 0.25)
    random = np.random.default_rng(1)
    value = measure(rows)
    shuffled = [[rows[unit][rater] for rater in random.permutation(4)] for unit in random.permutation(30)]
    assert measure(shuffled) == pytest.approx(value)
    assert measure([[None if label is None else 10 * label + 1 for label in row] for row in rows]) == pytest.approx(
        value
    )
    with_nan = [[float("nan") if label is None else label for label in row] for row in rows]
    assert measure(with_nan) == pytest.approx(value)


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_order_in_which_categories_are_named_does_not_matter(level):
    rows = random_rows(5)
    assert krippendorff_alpha(ratings(rows, (3, 0, 2, 1)), level) == pytest.approx(krippendorff_alpha(rows, level))


def test_cohen_is_symmetric_and_leaves_missing_out():
    rows = [row[:2] for row in random_rows(4)]
    both = [row for row in rows if None not in row]
    assert cohen_kappa(rows) == pytest.approx(cohen_kappa(both))
    assert cohen_kappa(rows) == pytest.approx(cohen_kappa([row[::-1] for row in rows]))


@pytest.mark.parametrize("measure", [*ALL.values(), fleiss_kappa, cohen_kappa])
def test_perfect_agreement_is_one(measure):
    assert measure([(1, 1), (2, 2), (3, 3), (1, 1)]) == pytest.approx(1)


def test_measures_beyond_chance_are_near_zero_for_guesses():
    guesses = np.random.default_rng(0).integers(3, size=(4000, 3)).tolist()
    for measure in (krippendorff_alpha, gwet_ac1, fleiss_kappa):
        assert abs(measure(guesses)) < 0.03


def test_one_label_only():
    """Kappa and alpha are 0 / 0; AC1 knows what raters could have chosen."""
    rows = [("accept", "accept")] * 5
    assert all(np.isnan(measure(rows)) for measure in (cohen_kappa, fleiss_kappa, krippendorff_alpha, gwet_ac1))
    assert gwet_ac1(ratings(rows, ("accept", "reject"))) == 1
    found = agreement_interval(krippendorff_alpha, rows)
    assert all(np.isnan(number) for number in found.as_dict().values())


def test_intervals_hold_the_value_and_shrink_with_units():
    few, many = (agreement_interval(krippendorff_alpha, fleiss_1971() * times, seed=3) for times in (1, 16))
    assert few.value == pytest.approx(many.value, abs=0.005)
    assert few.low < few.value < few.high
    assert (many.high - many.low) / (few.high - few.low) == pytest.approx(0.25, abs=0.03)
    assert few == agreement_interval(krippendorff_alpha, fleiss_1971(), seed=3)


def test_interval_of_the_raw_share_is_the_binomial_one():
    rows = [("a", "a")] * 300 + [("a", "b")] * 100
    found = agreement_interval(raw_agreement, rows, resamples=3000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.75 * 0.25 / 400) ** 0.5, rel=0.06)


def test_what_is_refused():
    with pytest.raises(DataError, match="the same number in every row"):
        raw_agreement([(1, 2), (1, 2, 3)])
    with pytest.raises(DataError, match="2 or more"):
        raw_agreement([(1,), (2,)])
    with pytest.raises(DataError, match="no unit was rated by two"):
        krippendorff_alpha([(1, None), (None, 2)])
    with pytest.raises(DataError, match=r"rated unequally often: \[1, 2, 3, 4\].*krippendorff_alpha"):
        fleiss_kappa(KRIPPENDORFF_2011)
    with pytest.raises(DataError, match="raters of Cohen's kappa: 4"):
        cohen_kappa(KRIPPENDORFF_2011)
    with pytest.raises(DataError, match=r"unknown label in a rating: \['maybe'\]; allowed: no, yes"):
        ratings([("yes", "maybe")], ("yes", "no"))
    with pytest.raises(DataError, match="allowed: numbers"):
        krippendorff_alpha([("a", "b"), ("b", "b")], "ordinal")
