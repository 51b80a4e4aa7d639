"""Two machines, played by two launchers over loopback: torchrun, and what SLURM gives to its tasks. The same weights."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from gleam_common.synthcity.build import build_world
from gleam_common.synthcity.world import WorldConfig
from train_command import environment

BIN = Path(sys.executable).parent
STRATEGIES = ("ddp", "deepspeed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world and a recipe of two phases for two processes."""
    made = tmp_path_factory.mktemp("nodes")
    build_world(WorldConfig(seed=7, places=40, cities=("grid",)), made / "world")
    phases = [
        {"name": name, "views": [name], "epochs": 1, "batch_size": 8, "lr": 0.001} for name in ("panorama", "map")
    ]
    trainer = {"accelerator": "cpu", "threads": 1}
    recipe = {"phases": phases, "catalog": str(made / "world"), "encoder": "pico", "val_split": "", "trainer": trainer}
    (made / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return made


def words(out: str, *more: str) -> list[str]:
    return ["train", "--config", "recipe.yaml", "--out", out, *more]


def ended(folder: Path, commands: list[list[str]], variables: list[dict[str, str]]) -> None:
    """Run the commands side by side to their end."""
    own = {**environment(), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(command, cwd=folder, env={**own, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for command, more in zip(commands, variables, strict=True)
    ]
    said = [process.communicate(timeout=300)[0].decode() for process in running]
    assert [process.returncode for process in running] == [0] * len(running), "\n".join(said)[-4000:]


def weights(folder: Path, out: str) -> bytes:
    return (folder / out / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def one_machine(folder: Path) -> dict[str, bytes]:
    """What two processes of one machine end with."""
    found: dict[str, bytes] = {}
    for name in STRATEGIES:
        ended(
            folder, [[str(BIN / "gleam-c"), *words(name, "--trainer.strategy", name, "--trainer.devices", "2")]], [{}]
        )
        found[name] = weights(folder, name)
    return found


def of_two(name: str) -> list[str]:
    return ["--trainer.strategy", name, "--trainer.devices", "1", "--trainer.nodes", "2"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_torchrun_on_two_machines(name: str, folder: Path, one_machine: dict[str, bytes]) -> None:
    meet = f"127.0.0.1:{random.SystemRandom().randrange(20_000, 30_000)}"
    launch = [str(BIN / "torchrun"), "--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", "--rdzv-id=1"]
    launch += [
        f"--rdzv-endpoint={meet}",
        "--no-python",
        str(BIN / "gleam-c"),
        *words(f"torchrun-{name}", *of_two(name)),
    ]
    ended(folder, [launch, launch], [{"LOCAL_ADDR": "127.0.0.1"}] * 2)
    assert weights(folder, f"torchrun-{name}") == one_machine[name]


def slurm(task: int, port: int) -> dict[str, str]:
    """What ``srun --nodes=2 --ntasks-per-node=1`` sets for a task."""
    given: dict[str, Any] = {
        "SLURM_JOB_ID": 4711, "SLURM_JOB_NAME": "gleam", "SLURM_NTASKS": 2, "SLURM_NTASKS_PER_NODE": 1,
        "SLURM_NNODES": 2, "SLURM_NODEID": task, "SLURM_PROCID": task, "SLURM_LOCALID": 0,
        "SLURM_NODELIST": "127.0.0.1", "MASTER_PORT": port,
    }  # fmt: skip
    return {name: str(value) for name, value in given.items()}


def test_slurm_on_two_machines(folder: Path, one_machine: dict[str, bytes]) -> None:
    port = random.SystemRandom().randrange(20_000, 30_000)
    command = [str(BIN / "gleam-c"), *words("slurm", *of_two("ddp"))]
    ended(folder, [command, command], [slurm(task, port) for task in range(2)])
    assert weights(folder, "slurm") == one_machine["ddp"]


def test_one_process_has_one_machine(folder: Path) -> None:
    command = [str(BIN / "gleam-c"), *words("single", "--trainer.strategy", "single", "--trainer.nodes", "2")]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "trainer.nodes: 2; allowed: 1 or more, and 1 with strategy 'single'" in done.stderr
