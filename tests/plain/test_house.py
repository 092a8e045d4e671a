"""The house rules that a program can see: which way imports run, how long things are, that all of it is typed."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("serve_app", "deployments")
STAGES = ("asr", "llm", "tts", "video")
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
# The thin Serve modules of a stage; engines stay usable without Ray.
RAY_MODULES = ("deployment", "metrics")
# What composes the whole graph; nothing else may know the doors.
GRAPH_MODULES = ("app.py", "args.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef
TEXTS = {
    path.relative_to(ROOT): path.read_text("utf-8")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {path: ast.parse(text) for path, text in TEXTS.items()}


def imports(paths: Iterator[Path]) -> Iterator[tuple[Path, str, str]]:
    """Module, full name of what it imports, and a line to report, wherever in the file the import stands."""
    for path in paths:
        for node in ast.walk(TREES[path]):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = ["." * node.level + (node.module or "")]
            yield from ((path, name, f"{path}:{node.lineno} imports {name}") for name in names)


def functions() -> Iterator[tuple[Path, Function]]:
    for path, tree in TREES.items():
        yield from ((path, node) for node in ast.walk(tree) if isinstance(node, Function))


def test_there_is_something_to_check() -> None:
    assert len(TREES) > 20


def test_no_module_is_too_long() -> None:
    assert [path for path, text in TEXTS.items() if len(text.splitlines()) > MAX_MODULE_LINES] == []


def test_no_function_is_too_long() -> None:
    lengths = [(f"{path} {node.name}", (node.end_lineno or 0) - node.lineno + 1) for path, node in functions()]
    assert [where for where, length in lengths if length > MAX_FUNCTION_LINES] == []


def test_every_function_is_typed() -> None:
    untyped = []
    for path, node in functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if node.returns is None or any(a.annotation is None and a.arg not in ("self", "cls") for a in arguments):
            untyped.append(f"{path}:{node.lineno} {node.name}")
    assert untyped == []


def test_every_module_says_what_it_is_for() -> None:
    assert [path for path, tree in TREES.items() if tree.body and not ast.get_docstring(tree)] == []


def test_nothing_is_printed_outside_the_command_line() -> None:
    printing = []
    for path, tree in TREES.items():
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if not path.is_relative_to("serve_app/cli") and any(getattr(call, "id", "") == "print" for call in calls):
            printing.append(path)
    assert printing == []


def test_no_exception_is_swallowed() -> None:
    """No bare except, and no handler for everything that does nothing."""
    swallowing = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                broad = getattr(node.type, "id", "") in ("Exception", "BaseException")
                idle = all(isinstance(child, ast.Pass | ast.Continue) for child in node.body)
                if node.type is None or (broad and idle):
                    swallowing.append(f"{path}:{node.lineno}")
    assert swallowing == []


def test_deployments_do_not_know_the_application() -> None:
    paths = (path for path in TREES if path.parts[0] == "deployments")
    assert [where for _, name, where in imports(paths) if name.split(".")[0] == "serve_app"] == []


def test_engines_do_not_know_ray() -> None:
    paths = (path for path in TREES if path.parts[0] == "deployments" and not path.stem.endswith(RAY_MODULES))
    assert [where for _, name, where in imports(paths) if name.split(".")[0] == "ray"] == []


def test_no_stage_knows_another() -> None:
    paths = (path for path in TREES if path.parts[0] == "deployments" and path.parts[1] in STAGES)
    others = [
        where
        for path, name, where in imports(paths)
        if any(name.startswith(f"deployments.{other}") for other in STAGES if other != path.parts[1])
    ]
    assert others == []


def test_imports_are_absolute() -> None:
    assert [where for _, name, where in imports(iter(TREES)) if name.startswith(".")] == []


def test_contracts_need_numpy_only() -> None:
    roots = {name.split(".")[0] for _, name, _ in imports(iter([Path("deployments/contracts.py")]))}
    assert roots <= {"numpy", *sys.stdlib_module_names}


def test_settings_are_light() -> None:
    """Whoever reads a configuration must not load an engine for it."""
    allowed = {"pydantic", *PACKAGES, *sys.stdlib_module_names}
    paths = (path for path in TREES if path.name == "settings.py")
    assert [where for _, name, where in imports(paths) if name.split(".")[0] not in allowed] == []


def test_only_the_graph_knows_the_doors() -> None:
    below = (
        path
        for path in TREES
        if path.parts[0] == "serve_app" and path.parts[1] != "gateway" and path.name not in GRAPH_MODULES
    )
    assert [where for _, name, where in imports(below) if name.startswith("serve_app.gateway")] == []
