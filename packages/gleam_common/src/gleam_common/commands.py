"""The thin dispatcher in front of every command line.

It knows names and one-line help only; the module behind a command is imported when that command runs, since Lightning
and PyTorch take seconds to import and ``--help`` must not.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import HelpFormatter
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from inspect import signature
from itertools import chain, takewhile
from typing import Any

from gleam_common.errors import ConfigError, GleamError

__all__ = ["Command", "Function", "dispatch", "run_function", "run_group"]

Command = tuple[str, str]
"""("module:function", "one line of help"). The function takes the remaining arguments as a list of strings."""


Function = tuple[Any, str, str]
"""(function, "option that a first bare word is the value of", "one line of help"), for :func:`run_group`."""


def dispatch(program: str, about: str, commands: Mapping[str, Command], arguments: Sequence[str] | None = None) -> int:
    """Run one command of ``program`` and return the exit code: 0, or 2 for bad input, said in one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not words or words[0] in ("-h", "--help"):
            print(_help(program, about, commands), flush=True)
            return 0
        if words[0] in ("-V", "--version"):
            print(f"{program} {version('gleam-common')}")
            return 0
        if words[0] not in commands:
            raise ConfigError(f"unknown command of {program}", value=words[0], allowed=list(commands))
        module, function = commands[words[0]][0].split(":")
        getattr(import_module(module), function)(words[1:])
        sys.stdout.flush()
    except GleamError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # `| head` has read enough; Python would complain when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {error}; check the path, its permissions and the space on the disk", file=sys.stderr)
        return GleamError.exit_code
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def run_function(function: Any, program: str, arguments: Sequence[str], first: str | tuple[str, ...] = "") -> Any:
    """Parse ``arguments`` by the typed signature and docstring of ``function`` and call it.

    Dashes stand for underscores, and an option that is true or false means true where it stands alone.

    Args:
        function: whose parameters are the options.
        program: its name in messages.
        arguments: as typed.
        first: the options that the first words without dashes are the values of, in order.

    Raises:
        ConfigError: for an unknown or malformed option, with jsonargparse's reason.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    class Parser(ArgumentParser):
        def format_help(self, formatter: HelpFormatter | None = None) -> str:
            return _as_typed(super().format_help(formatter), named_first)

    named_first = (first,) if isinstance(first, str) else first
    parser = Parser(prog=program, exit_on_error=False)
    parser.add_function_arguments(function)
    flags = [
        name for name, parameter in signature(function).parameters.items() if parameter.annotation in (bool, "bool")
    ]
    try:
        options = parser.parse_args(_spelled_out(arguments, flags, named_first))
    except (ArgumentError, TypeError, ValueError) as error:
        raise ConfigError(_one_line(error), fix=f"see `{program} --help`") from error
    values = parser.instantiate(options).as_dict()
    values.pop("config", None)
    return function(**values)


def run_group(program: str, about: str, functions: Mapping[str, Function], arguments: Sequence[str]) -> None:
    """Run one of the functions of a command that has several: ``gleam-x benchmark build ...``.

    Raises:
        ConfigError: as :func:`run_function`, or no such function.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help(program, about, {name: ("", text) for name, (_, _, text) in functions.items()}))
        return
    if arguments[0] not in functions:
        raise ConfigError(f"unknown command of {program}", value=arguments[0], allowed=list(functions))
    function, first, _ = functions[arguments[0]]
    run_function(function, f"{program} {arguments[0]}", arguments[1:], first=first)


def _spelled_out(arguments: Sequence[str], flags: Sequence[str], first: tuple[str, ...]) -> list[str]:
    """Return arguments as jsonargparse wants them: named, with underscores, and with a value after each flag."""
    bare = list(zip(filter(None, first), takewhile(lambda word: not word.startswith("-"), arguments), strict=False))
    words = [*chain.from_iterable((f"--{name}", word) for name, word in bare), *arguments[len(bare) :]]
    named = [_underscored(word) if word.startswith("--") else word for word in words]
    following = [*named, ""][1:]
    return [
        f"{word}=true" if word[2:] in flags and next_word not in ("true", "false") else word
        for word, next_word in zip(named, following, strict=True)
    ]


def _as_typed(told: str, first: tuple[str, ...]) -> str:
    """Return jsonargparse's help in the words that people type: first words bare, dashes, and types by their names."""
    for name in filter(None, first):
        told = re.sub(rf"  --{name} {name.upper()}", f"  {name.upper()}" + " " * (len(name) + 3), told)
        told = re.sub(rf"\[?--{name} {name.upper()}\]?", name.upper(), told)
        told = re.sub(rf"--{name} \[ITEM,\.\.\.\](, --{name}\+ \[ITEM,\.\.\.\])?", f"{name.upper()} ...", told)
    told = re.sub(r"--[a-z_]+", lambda option: option.group().replace("_", "-"), told)
    return re.sub(r"<class\s+'(?:\w+\.)*(\w+)'>", r"\1", told)


def _underscored(option: str) -> str:
    name, equals, value = option[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _help(program: str, about: str, commands: Mapping[str, Command]) -> str:
    if not commands:
        return f"usage: {program} [--version]\n\n{about}\n\nNo commands yet."
    width = max(map(len, commands))
    rows = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in commands.items())
    return (
        f"usage: {program} COMMAND [OPTION ...]\n\n{about}\n\ncommands:\n{rows}\n\n"
        f"`{program} COMMAND --help` lists a command's options with types, units and defaults."
    )
