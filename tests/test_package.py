"""What is shipped, and which part may know which."""

from __future__ import annotations

import ast
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from rtvideo import models
from rtvideo.engines.registry import ENGINES
from rtvideo.kernels import weights
from rtvideo.kernels.cpu import build, isa
from rtvideo.kernels.cpu.emit import emit
from rtvideo.kernels.ir.lower import lower

ROOT = Path(__file__).resolve().parents[1]

#: The packages of this project, and what of the project each may import.
MAY_IMPORT = {
    "rtvideo": ["rtvideo"],
    "model": [
        "model",
        "rtvideo.models",
        "rtvideo.errors",
        "rtvideo.values",
        "rtvideo.version",
        "rtvideo.media.images",
        "rtvideo.sample",
        "rtvideo.cpus",
        "rtvideo.kernels.cpu",
    ],
    "search": ["search", "model", "rtvideo.models", "rtvideo.errors", "rtvideo.values", "rtvideo.version"],
    "export": ["export", "model", "rtvideo"],
    "benchmarks": ["benchmarks", "export", "search", "model", "rtvideo"],
}

#: The parts of rtvideo from the bottom up, folders or modules at its root, and which others each may import,
#: when it starts or later. All may import the small modules of ``root``, which know nothing of the parts.
ROOT_MODULES = (
    *(
        "arrays",
        "channel",
        "colour",
        "console",
        "cpus",
        "errors",
        "frame",
        "options",
        "processes",
        "stopwatch",
        "system",
        "transfer",
        "values",
        "version",
        "wording",
    ),
)
LAYERS = {
    "root": [],
    "models": [],
    "kernels": ["models"],
    "kernels.ir": ["models"],
    "kernels.cpu": ["kernels", "kernels.ir"],
    "kernels.cuda": ["kernels", "kernels.ir"],
    "engines": [
        "models",
        "kernels",
        "kernels.ir",
        "kernels.cpu",
        "kernels.cuda",
        "engines.gpu",
        "engines.gpu.tensorrt",
    ],
    "engines.gpu": ["models", "kernels", "kernels.ir", "kernels.cuda", "engines"],
    "engines.gpu.tensorrt": ["models", "kernels", "engines", "engines.gpu"],
    "media": ["engines", "engines.gpu", "media.gpu", "media.mp4"],
    "media.gpu": ["kernels.cuda", "engines", "engines.gpu", "media"],
    "media.images": ["media"],
    "media.mp4": ["media"],
    "media.network": ["media"],
    "frame_log": ["models", "engines", "media", "media.gpu"],
    "processor": ["engines", "engines.gpu", "media", "media.gpu", "frame_log"],
    "files": [
        *("models", "engines", "media", "media.gpu", "media.images", "media.mp4", "frame_log", "processor"),
    ],
    "cluster": ["models", "engines", "media", "media.images", "media.mp4", "files"],
    "viewers": ["media"],
    "viewers.web": ["media", "viewers"],
    "live": [
        *("models", "engines", "media", "media.mp4", "media.network", "frame_log", "processor", "viewers"),
    ],
    "service": [
        *("models", "engines", "media", "media.network", "live", "viewers", "viewers.web"),
    ],
    "enhancer": ["models", "engines", "media", "processor"],
    "api": ["models", "engines", "enhancer", "media", "media.images", "processor", "files"],
    "streaming": ["engines", "media", "viewers", "live"],
    "capture": ["media", "streaming"],
    "sample": [],
    "cli": [
        "sample",
        *("models", "kernels.cuda", "engines", "media", "media.images", "media.network"),
        *("files", "viewers", "viewers.web", "live", "enhancer", "cluster", "service"),
    ],
}


def builds_the_wheel(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that compiles all kernels of the wheel, minutes on a busy machine."""
    return pytest.mark.compile(pytest.mark.timeout(900)(test))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools", reason="setuptools builds the wheel")
    work = tmp_path_factory.mktemp("wheel")
    for name in MAY_IMPORT:
        shutil.copytree(ROOT / name, work / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, work / "tree")
    # What `pip install .` compiled a moment ago is not compiled again, if it is the same to the bit.
    kernels = Path("rtvideo", "kernels", "cpu", "prebuilt")
    if (installed := Path(sysconfig.get_path("purelib")) / kernels).is_dir():
        shutil.copytree(installed, work / "tree" / "build" / "lib" / kernels)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-q", "-w", work, work / "tree"], check=True, capture_output=True, timeout=800)
    (built,) = work.glob("*.whl")
    return built


@builds_the_wheel
def test_the_wheel_holds_rtvideo_alone(wheel: Path) -> None:
    files = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in files} == {"rtvideo"}
    folder = ROOT / "rtvideo"
    expected = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    given = {n for n in files if n.startswith("rtvideo/") and "/prebuilt/" not in n}
    assert {str(p.relative_to(ROOT)) for p in expected} == given
    assert "rtvideo/py.typed" in files
    assert any(name.endswith("LICENSE") for name in files)


@builds_the_wheel
def test_the_installed_program_starts(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    command = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import rtvideo.cli as c; print(c.__file__)"
    script = [sys.executable, "-P", "-c", command + "; sys.exit(c.main(['--version']))"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout and "rtvideo" in done.stdout


def sources_of_kernels(*, packed: bool) -> set[str]:
    found = set()
    shipped = [models.find(name) for name in models.names()]
    for model in (*shipped, *filter(None, (model.coarser() for model in shipped))):
        assert model.description is not None and model.weights is not None
        program = lower(model.description, weights.read(model.weights), packed=packed)
        if bool(program.packed) >= packed:
            found.add(emit(program))
    return found


needs_compiler = pytest.mark.skipif(not build.compilers(), reason="no compiler: pip install ziglang")


@builds_the_wheel
@needs_compiler
def test_the_wheel_holds_kernels_for_every_processor(wheel: Path) -> None:
    names = {n.rpartition("/")[2] for n in zipfile.ZipFile(wheel).namelist() if "/prebuilt/" in n}
    libraries = {n for n in names if n.endswith(".so")}
    targets = [i for i in isa.INSTRUCTION_SETS if i.machine == platform.machine()]
    # Networks of one form share a library, since weights are data.
    assert len(libraries) == sum(
        len(sources_of_kernels(packed=bool(target.packed_dtype))) for target in targets
    )
    assert {n.partition("-")[2].removesuffix(".so") for n in libraries} == {t.name for t in targets}
    assert names == libraries | {n.replace(".so", ".sha256") for n in libraries}
    assert re.search(r"-py3-none-(many)?linux_", wheel.name)


ENHANCE = """
import sys
for name in ("torch", "onnxruntime", "cv2", "ziglang"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
import numpy as np
from rtvideo import models
from rtvideo.engines.registry import ENGINES
from rtvideo.colour import Coding, Matrix
from rtvideo.engines.opening import open_session
from rtvideo.engines.registry import available
from rtvideo.engines.session import Settings
from rtvideo.frame import Geometry
geometry = Geometry(64, 48, "yuv", 8, Coding(Matrix.BT709, False))
print(available()[0].reason)
for name in models.names():
    session = open_session(models.find(name), geometry, Settings(denoise=1.0), engine="fused", threads=1)
    frame = [np.full(shape, 40, np.uint8) for shape in geometry.shapes()]
    session.submit(frame, out := geometry.empty())
    print(session, out[0].mean())
"""


@builds_the_wheel
@needs_compiler
def test_kernels_work_where_there_is_no_compiler_nor_framework(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = [sys.executable, "-P", "-c", ENHANCE, str(tmp_path / "site")]
    alone = {"PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=alone)
    assert done.returncode == 0, done.stderr
    assert "built in" in done.stdout and "fused cpu" in done.stdout
    assert not list(tmp_path.rglob(".cache"))


def sources(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found or package == "search", f"no {package}/ here"
    return found


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield what a file imports, by dotted name, and whether that happens as soon as the file is imported."""

    def visit(node: ast.AST, at_once: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name, at_once) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                package = path.relative_to(ROOT).parent.parts
                before = ".".join(package[: len(package) + 1 - child.level]) if child.level else ""
                module = ".".join(filter(None, [before, child.module]))
                # `from rtvideo import models` imports rtvideo.models, as far as the rules below go.
                yield from ((f"{module}.{alias.name}", at_once) for alias in child.names)
            typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from visit(child, at_once and not function and not typing_only)

    return visit(ast.parse(path.read_text(encoding="utf-8")), True)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_dependencies_point_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name, _ in imports(path)
        if name.split(".")[0] in MAY_IMPORT
        and not any(f"{name}.".startswith(f"{allowed}.") for allowed in MAY_IMPORT[package])
    ]
    assert not wrong


def test_rtvideo_loads_no_framework_at_import() -> None:
    heavy = {"torch", "onnx", "onnxruntime", "cv2", "ray"}
    # A torch module, and the folder that is made for Ray: others import them when they need them.
    torch_itself = "rtvideo.engines.torch_graph"
    wrong = [
        f"{path.relative_to(ROOT)} imports {name} at once"
        for path in sources("rtvideo")
        if path.stem != torch_itself.rpartition(".")[2] and path.parent.name != "cluster"
        for name, at_once in imports(path)
        if at_once and (name.split(".")[0] in heavy or name.startswith(torch_itself))
    ]
    assert not wrong


def modules() -> dict[str, set[str]]:
    """Return each module of rtvideo and those that it imports, at once or later, without ``rtvideo.``."""
    paths = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sources("rtvideo")}
    known = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        named = {target if target in known else target.rpartition(".")[0] for target, _ in imports(path)}
        if name == "rtvideo.engines.registry":  # its rows name what is imported later
            named |= {row.partition(":")[0] for engine in ENGINES for row in engine.sessions.values()}
        found[name] = (named & known.keys()) - {name, "rtvideo"}
    return {
        name.removeprefix("rtvideo."): {target.removeprefix("rtvideo.") for target in targets}
        for name, targets in found.items()
    }


def part_of(module: str) -> str:
    """Return the part of `LAYERS` that a module belongs to."""
    if module in ROOT_MODULES or module in ("rtvideo", "__main__"):
        return "root"
    return module if module in LAYERS else module.rpartition(".")[0]


def test_layers_know_only_what_is_below_them() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, targets in modules().items()
        for target in targets
        if module not in ("rtvideo", "__main__")  # the way in: api and cli
        and part_of(target) not in (part_of(module), "root", *LAYERS[part_of(module)])
    ]
    assert not wrong


def test_no_import_cycle_even_a_lazy_one() -> None:
    TopologicalSorter(modules()).prepare()  # raises CycleError, which names the modules
