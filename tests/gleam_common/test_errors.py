from __future__ import annotations

import pytest
from gleam_common.errors import ArtifactError, ConfigError, DataError, GleamError, ModelError


def test_all_parts_stand_in_one_line() -> None:
    error = DataError("unknown view", value="x\ny", allowed=["b", "a"], fix="say\nwhich")
    assert str(error) == "unknown view: 'x\\ny'; allowed: a, b; say which"


def test_parts_that_are_not_given_leave_no_trace() -> None:
    assert str(GleamError("no such file")) == "no such file"
    assert str(GleamError("bad number", value=None)) == "bad number: None"


@pytest.mark.parametrize("kind", [DataError, ConfigError, ModelError, ArtifactError])
def test_every_kind_ends_the_command_with_code_two(kind: type[GleamError]) -> None:
    assert issubclass(kind, GleamError)
    assert kind("x").exit_code == 2
